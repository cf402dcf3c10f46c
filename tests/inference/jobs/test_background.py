"""Lines of batches wait for everybody else, and nobody else waits for them."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims, eta, queue, submission
from inference.kinds.embed import request as embed
from inference.models import Batch, BatchStatus, Job, Worker
from inference.worker import loop
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.fakes.encoder import HashEncoder

Submit = Callable[..., Job]


@pytest.fixture
def batch(db: None) -> Batch:
    return Batch.objects.create(
        owner=User.objects.create_user("ada@lab.example"),
        endpoint="/v1/embeddings",
        input_file_id=uuid.uuid4(),
        input_name="lines.jsonl",
        status=BatchStatus.IN_PROGRESS,
        expires_at=timezone.now() + timedelta(hours=24),
        output_kept_for=timedelta(days=7),
    )


@pytest.fixture
def add_line(card: ModelCard, batch: Batch) -> Callable[[], Job]:
    def add() -> Job:
        requester = jobs.Requester(batch.owner_id, None)
        job = submission.new_job(
            uuid.uuid4(), embed.job_request(card, ["a cat"]), requester=requester, price=None
        )
        job.inputs = [{"text": "a cat"}]
        job.batch = batch
        assert queue.insert(job, deadline=batch.expires_at)
        return job

    return add


AddLine = Callable[[], Job]
PLANS = {
    "calls": """EXPLAIN SELECT id FROM inference_job WHERE state = 'queued'
        AND batch_id IS NULL AND card_id = %s ORDER BY virtual_start LIMIT 8""",
    "lines": """EXPLAIN SELECT id FROM inference_job WHERE state = 'queued'
        AND batch_id IS NOT NULL AND card_id = %s ORDER BY virtual_start LIMIT 8""",
}


def test_a_claim_takes_no_line_unless_it_is_said(card: ModelCard, add_line: AddLine) -> None:
    line = add_line()

    assert claims.claim(card, worker="w", budget=8) == []
    assert claims.claim(card, worker="w", budget=8, is_background=True) == [line]


def test_what_came_later_is_run_before_a_line(
    card: ModelCard, submit: Submit, add_line: AddLine
) -> None:
    add_line()
    job = submit()

    assert claims.claim(card, worker="w", budget=8) == [job]


def test_lines_push_nobody_back_in_the_queue(
    card: ModelCard, batch: Batch, submit: Submit, add_line: AddLine
) -> None:
    """Of the same account, too: its calls have a flow of their own."""
    lines = [add_line() for _ in range(20)]

    job = submit(by=jobs.Requester(batch.owner_id, None))

    assert job.virtual_start < lines[-1].virtual_start
    assert eta.position_of(job).ahead == 0


def test_lines_do_not_count_as_waiting_jobs(
    card: ModelCard, batch: Batch, add_line: AddLine
) -> None:
    for _ in range(3):
        add_line()

    requester = jobs.Requester(batch.owner_id, None)
    request = embed.job_request(card, ["a cat"])
    assert jobs.submit(request, requester=requester, max_queued=1)


@pytest.mark.django_db(transaction=True)
def test_a_worker_goes_on_with_lines_when_nothing_else_waits(
    card: ModelCard, submit: Submit, add_line: AddLine
) -> None:
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[card.repo])
    lines, others = [add_line() for _ in range(10)], [submit() for _ in range(10)]

    loop.drain(ServedModel(card, TextCache(HashEncoder())), worker="w")

    started = {job.pk: job.started_at for job in Job.objects.all() if job.started_at}
    last_of_others = max(started[job.pk] for job in others)
    assert all(started[job.pk] >= last_of_others for job in lines)


def test_a_claim_reads_the_index_of_its_own_queue(
    card: ModelCard, submit: Submit, add_line: AddLine
) -> None:
    for _ in range(200):
        add_line()
    submit()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inference_job")
        cursor.execute("SET LOCAL enable_seqscan = off")
        plans = {}
        for name, statement in PLANS.items():
            cursor.execute(statement, [card.pk])
            plans[name] = "\n".join(row[0] for row in cursor.fetchall())

    assert "job_queue" in plans["calls"]
    assert "job_background_queue" in plans["lines"]
