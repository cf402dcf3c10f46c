"""Health for load balancers and the supervisor: alive, and ready to do the site's work."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from catalog.infrastructure.outages import BROKER_OUTAGES, DATABASE_OUTAGES
from inference.models import Worker

log = logging.getLogger(__name__)

CHECK_TIMEOUT_S = 3
# A database that answers with an error is not ready, whatever the error is.
NOT_READY = (DatabaseError, *DATABASE_OUTAGES, *BROKER_OUTAGES, TimeoutError)

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
    """200 if database, broker and at least one worker are there, else 503.

    For strangers, too: it counts workers, whose names hold hosts and process numbers. Staff see
    those at /admin/fleet/, and here why a worker does not serve a model that it should.
    """
    database = _passes(_database_answers)
    broker = _passes(_broker_answers)
    workers = list(Worker.objects.alive()) if database else []
    models = sorted({repo for worker in workers for repo in worker.repos})
    # A site whose models nobody serves can take requests, but answers none of them.
    ready = database and broker and bool(models)
    report = {
        "ready": ready,
        "database": _word(database),
        "broker": _word(broker),
        "workers": len(workers),
        "models": models,
    }
    if database and _is_staff(request):
        report["not_served"] = _failures()
    return JsonResponse(report, status=200 if ready else 503)


def _passes(check: Callable[[], None]) -> bool:
    """Whether a check ends well, and in time: what hangs is as good as away."""
    # Sockets have time limits of their own, but none holds for a frozen server behind a unix
    # socket: so a thread of ours does the waiting, and is left behind.
    future = _checks.submit(check)
    try:
        future.result(timeout=CHECK_TIMEOUT_S)
    except NOT_READY as error:
        future.cancel()
        log.warning("not ready check=%s error=%r", check.__name__, error)
        return False
    return True


def _database_answers() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # this thread's own


def _broker_answers() -> None:
    with current_app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=1, timeout=CHECK_TIMEOUT_S)


def _is_staff(request: HttpRequest) -> bool:
    # Monitors bring no session, and are not made to wait for a look at one.
    return settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_staff


def _failures() -> dict[str, dict[str, str]]:
    """By worker and model."""
    alive = Worker.objects.alive().exclude(failures={}).order_by("name")
    return {worker.name: worker.failures for worker in alive}


def _word(passes: bool) -> str:
    return "ok" if passes else "unreachable"
