"""What submitting and claiming cost while very many jobs wait for the same model, and with none.

The queue is filled with copies of one job under a thousand accounts' names; no worker serves the
card. It is measured empty before and after, so that a machine that slows down meanwhile shows.
"""

import copy
import itertools
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import connection

from accounts.models import User
from bench.engine.stage import PAYER, SILENT
from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims
from inference.kinds.embed import request as embed
from inference.models import Job

WAITING = 100_000
ACCOUNTS = 1000
CALLS = 200
_ROWS_AT_ONCE = 5000
# A worker's claim of small jobs.
_BUDGET = 16
# Longer than the measurement: none of the copies may expire during it.
_DEADLINE = timedelta(hours=1)

Figures = dict[str, float]


def measure(waiting: int = WAITING) -> Figures:
    """Median milliseconds with the queue empty (the slower of two) and full, and their ratio."""
    card = ModelCard.objects.get(repo=SILENT)
    payer = User.objects.get(email=PAYER)
    before = _calls(card, payer)
    _fill(card, waiting)
    full = _calls(card, payer)
    _empty(card)
    after = _calls(card, payer)
    _empty(card)
    return {"waiting": waiting} | {
        key: value
        for name in full
        for key, value in _compared(name, max(before[name], after[name]), full[name])
    }


def _compared(name: str, empty_ms: float, full_ms: float) -> Iterator[tuple[str, float]]:
    yield f"{name}_empty_ms", empty_ms
    yield f"{name}_full_ms", full_ms
    yield f"{name}_ratio", full_ms / empty_ms


def _calls(card: ModelCard, payer: User) -> Figures:
    """As many jobs are submitted as are claimed: at the end the queue is as long as before."""
    texts = itertools.count()

    def submit() -> None:
        jobs.submit(
            embed.job_request(card, [f"text {next(texts)}"]),
            requester=jobs.Requester(payer.pk, None),
            payer=payer,
            deadline=_DEADLINE,
        )

    def claim() -> None:
        token = uuid.uuid4()
        claimed = claims.claim(card, worker="bench", budget=_BUDGET, token=token)
        assert claimed, "the queue is empty"  # noqa: S101
        claims.give_back(token, was_tried=False)

    return {"submit": _median_ms(submit), "claim": _median_ms(claim)}


def _median_ms(call: Callable[[], None]) -> float:
    call()
    taken_ms = []
    for _ in range(CALLS):
        began_s = time.perf_counter()
        call()
        taken_ms.append((time.perf_counter() - began_s) * 1000)
    return statistics.median(taken_ms)


def _fill(card: ModelCard, waiting: int) -> None:
    one = Job.objects.queued().filter(card=card).latest("created_at")
    copies = (_copy(one, number) for number in range(waiting))
    for rows in iter(lambda: list(itertools.islice(copies, _ROWS_AT_ONCE)), []):
        Job.objects.bulk_create(rows)
    # As autovacuum would within the minute.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inference_job")


def _copy(job: Job, number: int) -> Job:
    twin = copy.copy(job)
    twin._state = type(job._state)()
    twin.pk = uuid.uuid4()
    twin.is_paid = False
    twin.fair_share_key = f"user:{10_000_000 + number % ACCOUNTS}"
    twin.virtual_start = job.virtual_start + timedelta(milliseconds=number)
    return twin


def _empty(card: ModelCard) -> None:
    Job.objects.filter(card=card).delete()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE inference_job")
