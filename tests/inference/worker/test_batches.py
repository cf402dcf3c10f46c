"""A batch scores what it can, and one bad input costs only its own job."""

import uuid
from collections.abc import Callable

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts import credits
from accounts.models import Category, User
from catalog.models import ModelCard
from inference import images as pictures
from inference import jobs
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.kinds.embed import request as embed
from inference.models import ErrorCode, Job, State
from inference.runtime.encoder import Encoder
from inference.worker import batches, decode, ready
from inference.worker.texts.cache import FIRST_TEXTS, TEXTS_PER_PASS, TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder, poison_photo
from tests.inference.runtime.images.hostile import flat_png
from tests.support.batches import settle_all
from tests.support.rows import result_of

Submit = Callable[..., Job]


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


def run_next(card: ModelCard, encoder: Encoder) -> int:
    """One batch."""
    batch = claims.claim(card, worker="w", budget=16)
    settle_all(TextCache(encoder), encoder, batch)
    return len(batch)


def states() -> list[tuple[str, str]]:
    return list(Job.objects.in_queue_order().values_list("state", "error_code"))


def test_queued_jobs_are_scored_in_one_forward_pass(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    for side in (40, 50, 60):
        submit(data=photo_bytes(side, side))

    assert run_next(card, encoder) == 3

    assert encoder.batches == [3]
    assert encoder.texts == ["a photo of a cat", "a photo of a dog"]
    assert states() == [(State.SUCCEEDED, "")] * 3


def test_a_result_says_what_is_needed_to_repeat_it(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit(data=photo_bytes(80, 40))

    run_next(card, encoder)

    result = result_of(Job.objects.get())
    [row] = result["rows"]
    first, second = row["predictions"]
    assert first["score"] + second["score"] == pytest.approx(1)
    assert first["logit"] == pytest.approx(100 * first["similarity"])
    assert first["score"] > second["score"]
    assert row["crop"] == [20, 0, 60, 40]
    assert result["activation"] == "softmax"
    assert (result["model"], result["revision"]) == ("tests/hash", "1")
    assert (result["engine"], result["precision"]) == ("hashes", "float32")
    assert result["preprocessing"] == encoder.preprocessing.fingerprint


def test_a_damaged_picture_fails_alone(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit()
    damaged = submit()
    submit()
    default_storage.delete(damaged.image_files[0])
    default_storage.save(damaged.image_files[0], ContentFile(photo_bytes()[:200]))

    run_next(card, encoder)

    assert states() == [
        (State.SUCCEEDED, ""),
        (State.FAILED, ErrorCode.INVALID_IMAGE),
        (State.SUCCEEDED, ""),
    ]


def test_a_picture_that_breaks_the_model_fails_alone(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit()
    submit(data=poison_photo())
    submit()

    run_next(card, encoder)

    assert states() == [
        (State.SUCCEEDED, ""),
        (State.FAILED, ErrorCode.INTERNAL),
        (State.SUCCEEDED, ""),
    ]


def test_most_mates_of_a_picture_that_breaks_the_model_wait_for_one_retry(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    for place in range(16):
        submit(data=poison_photo() if place == 5 else photo_bytes())
    batch = claims.claim(card, worker="w", budget=16)
    known: list[int] = []

    for part in batches.score(TextCache(encoder), decode.make_ready(encoder, batch)):
        batches.settle(part)
        known.append(Job.objects.filter(state=State.SUCCEEDED).count())

    assert encoder.batches == [4, 4, 4, 1, 1, 1]
    assert known == [4, 8, 12, 13, 13, 14, 15]
    assert states().count((State.FAILED, ErrorCode.INTERNAL)) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_a_batch_of_any_size_is_tried_down_to_single_jobs(
    submit: Submit, card: ModelCard, encoder: HashEncoder, size: int
) -> None:
    for _ in range(size):
        submit(data=poison_photo())

    run_next(card, encoder)

    assert states() == [(State.FAILED, ErrorCode.INTERNAL)] * size


def test_a_job_cancelled_after_the_claim_stays_cancelled(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit()
    batch = claims.claim(card, worker="w", budget=1)
    jobs.cancel(batch[0])

    settle_all(TextCache(encoder), encoder, batch)

    assert states() == [(State.CANCELLED, "")]


def test_a_job_may_not_take_more_of_a_processor_than_its_budget(
    card: ModelCard,
    requester: jobs.Requester,
    encoder: HashEncoder,
    submit: Submit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready, "JOB_CPU_S", 0.3)
    bombs = [pictures.check(flat_png(8000, 5000))] * 10
    request = classify.job_request(card, bombs, labels=["a cat"], template="{}")
    jobs.submit(request, requester=requester)
    mate = submit()

    run_next(card, encoder)
    run_next(card, encoder)

    mate.refresh_from_db()
    costly = Job.objects.exclude(pk=mate.pk).get()
    assert (costly.state, costly.error_code) == (State.FAILED, ErrorCode.TOO_COSTLY)
    assert mate.state == State.SUCCEEDED


def test_what_a_batch_decodes_to_is_bounded(
    card: ModelCard, requester: jobs.Requester, submit: Submit
) -> None:
    """Files of four kilobytes with 40 megapixels each."""
    for _ in range(3):
        bomb = pictures.check(flat_png(8000, 5000))
        request = classify.job_request(card, [bomb], labels=["a cat"], template="{}")
        jobs.submit(request, requester=requester)

    first = claims.claim(card, worker="w", budget=16)
    others = claims.claim(card, worker="w", budget=16, pixels=80_000_000)

    assert [job.pixels for job in first] == [40_000_000]
    assert [job.pixels for job in others] == [40_000_000, 40_000_000]


def test_a_batch_takes_the_first_job_whatever_it_decodes_to(
    card: ModelCard, requester: jobs.Requester
) -> None:
    bombs = [pictures.check(flat_png(8000, 5000))] * 5
    request = classify.job_request(card, bombs, labels=["a cat"], template="{}")
    jobs.submit(request, requester=requester)

    [job] = claims.claim(card, worker="w", budget=1)

    assert job.pixels == 5 * 40_000_000


def test_a_flood_of_large_pictures_delays_only_itself(
    card: ModelCard, requester: jobs.Requester, submit: Submit
) -> None:
    bomb = pictures.check(flat_png(8000, 5000))
    request = classify.job_request(card, [bomb], labels=["a cat"], template="{}")
    for _ in range(5):
        jobs.submit(request, requester=requester)

    small = submit(by=jobs.Requester(user_id=None, visitor=uuid.uuid4()))

    waiting = list(Job.objects.queued().in_queue_order())
    assert waiting.index(small) <= 1


def test_nothing_queued_runs_nothing(card: ModelCard, encoder: HashEncoder) -> None:
    assert run_next(card, encoder) == 0
    assert encoder.batches == []


def test_a_score_that_is_no_number_fails_its_own_job(
    submit: Submit, card: ModelCard, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    monkeypatch.setattr(encoder, "logit_scale", float("nan"))

    run_next(card, encoder)

    assert states() == [(State.FAILED, ErrorCode.INTERNAL)]


def test_many_prompts_go_through_the_text_tower_in_chunks(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    for batch in range(2):
        submit(labels=tuple(f"label {batch} {index}" for index in range(100)))

    run_next(card, encoder)

    first, most = FIRST_TEXTS, TEXTS_PER_PASS
    assert encoder.text_passes == [first, most, 200 - first - most]
    assert states() == [(State.SUCCEEDED, "")] * 2


def test_a_text_is_read_once_and_then_known(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    memory = TextCache(encoder)
    for _ in range(2):
        submit()
        batch = claims.claim(card, worker="w", budget=16)
        settle_all(memory, encoder, batch)

    first, second = Job.objects.in_queue_order()
    assert memory.encoded == 2
    assert encoder.texts == ["a photo of a cat", "a photo of a dog"]
    assert (result_of(first)["texts_cached"], result_of(second)["texts_cached"]) == (0, 2)


def test_what_one_worker_has_read_another_need_not(card: ModelCard, encoder: HashEncoder) -> None:
    price = {"est_price_nano_usd_per_image": 94_000, "image_gflops": 162.0, "text_gflops": 13.3}
    ModelCard.objects.filter(pk=card.pk).update(**price)
    card.refresh_from_db()
    payer = User.objects.create_user("ada@lab.example")
    credits.grant(payer, amount_micro_usd=999, category=Category.PURCHASE, reference="purchase:1")
    other = HashEncoder()
    for each in (encoder, other):
        picture = pictures.check(photo_bytes())
        request = classify.job_request(card, [picture], labels=["a cat", "a dog"], template="{}")
        jobs.submit(request, requester=jobs.Requester(payer.pk, None), payer=payer)
        run_next(card, each)

    assert (len(encoder.texts), len(other.texts)) == (2, 0)
    one, two = Job.objects.in_queue_order()
    assert result_of(one)["rows"] == result_of(two)["rows"]


def test_several_pictures_of_a_job_are_scored_in_order(
    card: ModelCard, requester: jobs.Requester, encoder: HashEncoder
) -> None:
    sides = [(40, 40), (80, 40), (40, 90)]
    inputs = [pictures.check(photo_bytes(*side)) for side in sides]
    request = classify.job_request(card, inputs, labels=["a cat"], template="{}")
    jobs.submit(request, requester=requester)

    run_next(card, encoder)

    rows = result_of(Job.objects.get())["rows"]
    assert [row["crop"] for row in rows] == [[0, 0, 40, 40], [20, 0, 60, 40], [0, 25, 40, 65]]
    logits = [row["predictions"][0]["logit"] for row in rows]
    assert logits[0] != logits[2]


def test_pictures_and_texts_are_embedded_in_order(
    card: ModelCard, requester: jobs.Requester, encoder: HashEncoder
) -> None:
    picture = pictures.check(photo_bytes(40, 40))
    request = embed.job_request(card, ["a cat", picture, "a dog"])
    jobs.submit(request, requester=requester)

    run_next(card, encoder)

    job = Job.objects.get()
    assert job.vectors is not None
    vectors = np.frombuffer(job.vectors, "<f4").reshape(3, 8)
    assert np.allclose(vectors[[0, 2]], encoder.encode_texts(["a cat", "a dog"]))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert result_of(job)["dim"] == 8


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_the_activation_asked_for_is_used(
    card: ModelCard, requester: jobs.Requester, encoder: HashEncoder, activation: str
) -> None:
    request = classify.job_request(
        card,
        [pictures.check(photo_bytes())],
        labels=["a", "b"],
        template="{}",
        activation=activation,
    )
    jobs.submit(request, requester=requester)

    run_next(card, encoder)

    result = result_of(Job.objects.get())
    first = result["rows"][0]["predictions"][0]
    assert result["activation"] == activation
    assert (first["score"] == first["logit"]) == (activation == "none")


@pytest.mark.parametrize("is_sigmoid", [False, True])
@pytest.mark.parametrize("bias", [0.0, -12.9])
def test_by_itself_the_activation_is_what_the_model_was_trained_for(
    card: ModelCard,
    requester: jobs.Requester,
    encoder: HashEncoder,
    is_sigmoid: bool,
    bias: float,
) -> None:
    picture = pictures.check(photo_bytes())
    request = classify.job_request(card, [picture], labels=["a", "b"], template="{}")
    jobs.submit(request, requester=requester)

    encoder.is_sigmoid, encoder.logit_bias = is_sigmoid, bias
    run_next(card, encoder)

    result = result_of(Job.objects.get())
    scores = [prediction["score"] for prediction in result["rows"][0]["predictions"]]
    assert result["activation"] == ("sigmoid" if is_sigmoid else "softmax")
    assert (sum(scores) == pytest.approx(1)) is not is_sigmoid
