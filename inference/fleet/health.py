"""Health for load balancers, orchestrators and the supervisor: alive, and able to serve.

Neither asks more than this process needs. A process that said "not ready" while no worker serves a
model, or while the broker is away, would take all pages away with it; and who scales workers from
zero would wait for them for ever. How the whole site is, /status/ says, and /metrics.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from catalog.infrastructure.outages import DATABASE_OUTAGES
from catalog.models import periodic
from inference.models import Worker

log = logging.getLogger(__name__)

CHECK_TIMEOUT_S = 3
# A database that answers with an error is not ready, whatever the error is.
NOT_READY = (DatabaseError, *DATABASE_OUTAGES, TimeoutError)

# Few: while a server hangs, checks wait for these threads, not for ever more of them.
_checks = ThreadPoolExecutor(max_workers=4, thread_name_prefix="readyz")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    # 200 as long as the process answers at all.
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database answers in CHECK_TIMEOUT_S, else 503; the rest is for reading only.

    For strangers, too: it counts workers, whose names hold hosts and process numbers. Staff see
    those at /admin/fleet/, and why a worker does not serve a model that it should.
    """
    try:
        report = _in_time(_look)
    except NOT_READY as error:
        log.warning("not ready error=%r", error)
        return JsonResponse({"ready": False, "database": "unreachable"}, status=503)
    return JsonResponse({"ready": True, "database": "ok", **report})


def _in_time(look: Callable[[], dict[str, object]]) -> dict[str, object]:
    # Sockets have time limits of their own, but none holds for a frozen server behind a unix
    # socket: so a thread of ours does the waiting, and is left behind.
    future = _checks.submit(look)
    try:
        return future.result(timeout=CHECK_TIMEOUT_S)
    except TimeoutError:
        future.cancel()
        raise


def _look() -> dict[str, object]:
    try:
        workers = list(Worker.objects.alive())
        last_sweep_at: datetime | None = periodic.last_done_at("sweep")
    finally:
        connection.close()  # this thread's own
    return {
        "workers": len(workers),
        "models": sorted({repo for worker in workers for repo in worker.repos}),
        "last_sweep_at": last_sweep_at,
    }
