"""Probes are answered whatever name they call the site by.

An orchestrator asks a pod by its address, a load balancer perhaps by none at all. Nothing in the
two answers depends on the Host header, so it need not be one of ALLOWED_HOSTS here; everywhere
else it must.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.watching.http import ROUTE
from inference.fleet import health

PROBES = {"/healthz": health.healthz, "/readyz": health.readyz}


class Probes:
    """Before all that looks at a request: no redirect to https, no session, no look at the host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        if scope := getattr(request, "scope", None):
            scope[ROUTE] = request.path_info  # counted as what it is
        return probe(request)
