"""A batch scores what it can, and one bad input costs only its own job."""

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from catalog.models import ModelCard
from inference import batches, jobs, leases
from inference.models import ErrorCode, Job, State
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.preprocessing import Preprocessing
from tests.conftest import photo_bytes

Submit = Callable[..., Job]
POISON = (255, 0, 0)


class HashEncoder:
    """A small honest Encoder: equal input gives equal unit vectors. Red pictures break it."""

    repo, revision = "tests/hash", "1"
    image_size, patch_size, embed_dim = 32, 8, 8
    logit_scale, logit_bias = 100.0, 0.0
    preprocessing = Preprocessing(size=32)

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.texts: list[str] = []
        self.text_passes: list[int] = []

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        if any(image.getpixel((16, 16)) == POISON for image in images):
            raise RuntimeError("poison")
        self.batches.append(len(images))
        return self._vectors([image.tobytes() for image in images])

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        self.texts += texts
        self.text_passes.append(len(texts))
        return self._vectors([text.encode() for text in texts])

    def _vectors(self, inputs: Sequence[bytes]) -> Embeddings:
        digests = [np.frombuffer(hashlib.sha256(data).digest()[:8], np.uint8) for data in inputs]
        raw = np.array(digests, dtype=np.float32).reshape(-1, 8) - 127.5
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


def red_photo() -> bytes:
    return photo_like(Image.new("RGB", (64, 64), POISON))


def photo_like(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def states() -> list[tuple[str, str]]:
    return list(Job.objects.oldest_first().values_list("state", "error_code"))


def test_the_stand_in_for_an_encoder_keeps_the_protocol(encoder: HashEncoder) -> None:
    checked: Encoder = encoder  # the type checker holds it to the protocol

    assert checked.encode_images([]).shape == (0, 8)


def test_queued_jobs_are_scored_in_one_forward_pass(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    for side in (40, 50, 60):
        submit(data=photo_bytes(side, side))

    assert batches.run_next(card, encoder, worker="w") == 3

    assert encoder.batches == [3]
    assert encoder.texts == ["a photo of a cat", "a photo of a dog"]
    assert states() == [(State.SUCCEEDED, "")] * 3


def test_a_result_says_what_is_needed_to_repeat_it(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit(data=photo_bytes(80, 40))

    batches.run_next(card, encoder, worker="w")

    result = Job.objects.get().result
    first, second = result["predictions"]
    assert first["score"] + second["score"] == pytest.approx(1)
    assert first["logit"] == pytest.approx(100 * first["similarity"])
    assert first["score"] > second["score"]
    assert result["crop"] == [20, 0, 60, 40]
    assert result["activation"] == "softmax"
    assert (result["model"], result["revision"]) == ("tests/hash", "1")
    assert result["preprocessing"] == encoder.preprocessing.fingerprint


def test_a_damaged_picture_fails_alone(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit()
    damaged = submit()
    submit()
    default_storage.delete(damaged.picture_name)
    default_storage.save(damaged.picture_name, ContentFile(photo_bytes()[:200]))

    batches.run_next(card, encoder, worker="w")

    assert states() == [
        (State.SUCCEEDED, ""), (State.FAILED, ErrorCode.INVALID_IMAGE), (State.SUCCEEDED, ""),
    ]  # fmt: skip


def test_a_picture_that_breaks_the_model_fails_alone(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit()
    submit(data=red_photo())
    submit()

    batches.run_next(card, encoder, worker="w")

    assert states() == [
        (State.SUCCEEDED, ""), (State.FAILED, ErrorCode.INTERNAL), (State.SUCCEEDED, ""),
    ]  # fmt: skip


def test_a_job_cancelled_after_the_claim_stays_cancelled(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    submit()
    batch = jobs.claim(card, worker="w", limit=1)
    jobs.cancel(batch[0])

    batches.run(encoder, batch)

    assert states() == [(State.CANCELLED, "")]


def test_nothing_queued_runs_nothing(card: ModelCard, encoder: HashEncoder) -> None:
    assert batches.run_next(card, encoder, worker="w") == 0
    assert encoder.batches == []


def test_a_score_that_is_no_number_fails_its_own_job(
    submit: Submit, card: ModelCard, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    monkeypatch.setattr(encoder, "logit_scale", float("nan"))

    batches.run_next(card, encoder, worker="w")

    assert states() == [(State.FAILED, ErrorCode.INTERNAL)]


def test_many_prompts_go_through_the_text_tower_in_chunks(
    submit: Submit, card: ModelCard, encoder: HashEncoder
) -> None:
    for batch in range(2):
        submit(labels=tuple(f"label {batch} {index}" for index in range(100)))

    batches.run_next(card, encoder, worker="w")

    assert encoder.text_passes == [batches.PROMPTS_A_PASS, 200 - batches.PROMPTS_A_PASS]
    assert states() == [(State.SUCCEEDED, "")] * 2


def test_a_batch_that_is_abandoned_is_queued_again_at_once(
    submit: Submit, card: ModelCard, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()

    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "run", break_off)

    with pytest.raises(KeyboardInterrupt):
        batches.run_next(card, encoder, worker="w")

    assert states() == [(State.QUEUED, "")]
    assert leases.in_hand() is None


def test_the_heartbeat_sees_the_batch_in_hand(
    submit: Submit, card: ModelCard, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    seen: list[object] = []
    monkeypatch.setattr(batches, "run", lambda *_: seen.append(leases.in_hand()))

    batches.run_next(card, encoder, worker="w")

    assert isinstance(seen[0], leases.Held)
