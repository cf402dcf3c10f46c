"""The page of a job says where its time went, and the forward pass is timed by itself."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.utils import timezone
from PIL import Image

from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims
from inference.kinds.embed import request as embed
from inference.models import Job
from inference.playground.results.timeline import MEANINGS, steps_of
from inference.runtime.encoder import Embeddings
from inference.worker import batches, decode
from inference.worker.texts.cache import TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder, poison_photo
from tests.support.batches import settle_all
from tests.support.rows import result_of

Submit = Callable[..., Job]

SLEEP_S = 0.03


class SlowEncoder(HashEncoder):
    """Takes its time for each pass, also for one that breaks."""

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        time.sleep(SLEEP_S)
        return super().encode_images(images)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        time.sleep(SLEEP_S)
        return super().encode_texts(texts)


def answer(card: ModelCard, encoder: HashEncoder, cache_of_texts: TextCache | None = None) -> None:
    batch = claims.claim(card, worker="w", budget=16)
    settle_all(cache_of_texts or TextCache(encoder), encoder, batch)


def test_the_forward_pass_counts_both_towers(submit: Submit, card: ModelCard) -> None:
    submit()

    answer(card, SlowEncoder())

    assert result_of(Job.objects.get())["forward_ms"] >= 2 * SLEEP_S * 1000


def test_cached_texts_cost_no_pass(submit: Submit, card: ModelCard) -> None:
    encoder = SlowEncoder()
    texts = TextCache(encoder)
    submit()
    answer(card, encoder, texts)
    second = submit()

    answer(card, encoder, texts)

    assert result_of(Job.objects.get(pk=second.pk))["forward_ms"] / 1000 >= SLEEP_S
    assert encoder.text_passes == [2]


def test_a_job_of_cached_texts_alone_says_so(card: ModelCard, requester: jobs.Requester) -> None:
    encoder = SlowEncoder()
    texts = TextCache(encoder)
    for _ in range(2):
        last = jobs.submit(embed.job_request(card, ["a cat"]), requester=requester)
        answer(card, encoder, texts)

    job = Job.objects.get(pk=last.pk)

    [forward] = [step for step in steps_of(job) if step.name == "forward"]
    assert forward.meaning == MEANINGS["no forward"]


def test_a_pass_that_failed_counts_as_waiting(submit: Submit, card: ModelCard) -> None:
    good = submit(data=photo_bytes())
    submit(data=poison_photo())

    answer(card, SlowEncoder())

    result = result_of(Job.objects.get(pk=good.pk))
    assert result["wait_ms"] >= SLEEP_S * 1000
    assert "forward_ms" in result


def test_waiting_for_the_batch_before_is_no_forward_pass(submit: Submit, card: ModelCard) -> None:
    submit()
    encoder = HashEncoder()
    ready = decode.make_ready(encoder, claims.claim(card, worker="w", budget=1))
    time.sleep(SLEEP_S)

    for part in batches.score(TextCache(encoder), ready):
        batches.settle(part)

    assert result_of(Job.objects.get())["wait_ms"] >= SLEEP_S * 1000


def test_the_steps_add_up_to_the_whole(submit: Submit, card: ModelCard) -> None:
    submit()
    answer(card, SlowEncoder())
    now = timezone.now()
    Job.objects.update(
        created_at=now - timedelta(seconds=9),
        started_at=now - timedelta(seconds=4.2),
        finished_at=now,
    )

    steps = steps_of(Job.objects.get())

    assert [step.name for step in steps if step.name != "waited"] == [
        "queued",
        "read",
        "forward",
        "written",
    ]
    assert round(sum(step.ms for step in steps if step.name != "queued")) in range(4195, 4206)
    assert steps[0].duration == "4.8 s"


def test_a_result_of_before_shows_its_run(submit: Submit, card: ModelCard) -> None:
    submit()
    answer(card, HashEncoder())
    job = Job.objects.get()
    job.result = {"forward_ms": 0}

    assert [step.name for step in steps_of(job)] == ["queued", "run"]


def test_an_unfinished_job_has_no_steps(submit: Submit) -> None:
    assert steps_of(submit()) == []
