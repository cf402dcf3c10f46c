"""The page of a classification says what its scores mean, and shows the digits that count."""

import html
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.kinds.classify import score_text
from inference.runtime.zero_shot import Activation
from inference.worker.texts.cache import TextCache
from tests.conftest import photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.batches import settle_all

SOFTMAX_ONLY = ["always", "with each other", "add a second", "add up to 100 %."]
Read = Callable[..., str]


@pytest.fixture
def read(card: ModelCard, client: Client, db: None) -> Read:
    """The words on the page of a job that this encoder has answered."""
    ada = User.objects.create_user("ada@lab.example")
    client.force_login(ada)

    def read_page(
        encoder: HashEncoder, *, labels: int = 2, activation: str = "auto", pictures: int = 1
    ) -> str:
        request = classify.job_request(
            card,
            [images.check(photo_bytes(40 + index)) for index in range(pictures)],
            labels=[f"label {index}" for index in range(labels)],
            template="{}",
            activation=activation,
        )
        job = jobs.submit(request, requester=jobs.Requester(ada.pk, None))
        settle_all(TextCache(encoder), encoder, claims.claim(card, worker="w", budget=9))
        page = client.get(f"/jobs/{job.pk}/").content.decode()
        without_code = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without_code)).split())

    return read_page


def siglip(bias: float = -16.0, scale: float = 10.0) -> HashEncoder:
    encoder = HashEncoder()
    encoder.is_sigmoid = True
    encoder.logit_bias, encoder.logit_scale = bias, scale
    return encoder


@pytest.mark.parametrize("labels", [1, 2, 5])
def test_a_sigmoid_model_is_not_described_as_a_softmax(read: Read, labels: int) -> None:
    page = read(siglip(), labels=labels)

    assert "Each label is scored by itself" in page
    assert [words for words in SOFTMAX_ONLY if words in page] == []


def test_small_scores_keep_their_digits_and_are_explained(read: Read) -> None:
    page = read(siglip(), labels=3)

    percents = re.findall(r"[\d.]+(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?%", page.partition("Each label")[0])
    assert len(percents) == 3
    assert len(set(percents)) == 3
    assert "0.0%" not in page
    assert "All of these are small" in page


def test_one_label_of_a_softmax_is_told_to_be_pointless(read: Read) -> None:
    assert "With one label, softmax always gives 100 %" in read(HashEncoder(), labels=1)


def test_several_labels_of_a_softmax_are_compared(read: Read) -> None:
    page = read(HashEncoder())

    assert "compare these labels with each other" in page
    assert "All of these are small" not in page


def test_without_an_activation_no_percents_are_shown(read: Read) -> None:
    page = read(HashEncoder(), activation="none", pictures=2)

    assert re.search(r"\d%", page) is None
    assert "the logit itself" in page


@pytest.mark.parametrize("exponent", range(1, 12))
def test_a_score_that_is_neither_0_nor_1_never_shows_so(exponent: int) -> None:
    for digits in (1, 3, 9.99):
        score = digits * 10**-exponent
        low, high = score_text.percent(min(score, 0.5)), score_text.percent(1 - min(score, 0.5))
        assert float(re.split("[×%]", low)[0]) > 0
        assert high.startswith(">") or float(high.removesuffix("%")) < 100


def test_different_small_scores_look_different() -> None:
    scores = [0.0003, 0.00012, 0.00002, 3e-6, 8e-7, 2e-9, 1e-12]

    texts = [score_text.percent(score) for score in scores]

    assert all(first != second for first, second in pairwise(texts))
    assert texts[0] == "0.03%"


def test_each_activation_has_its_meaning() -> None:
    assert set(score_text.MEANINGS) == set(Activation)
