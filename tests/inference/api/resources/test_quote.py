"""A quote says what the call would cost: never less than it does, and nothing is done for it."""

import pytest

from accounts.models import Entry, EntryKind
from catalog.models import ModelCard, Stage
from inference.models import Job
from tests.conftest import PRICED, UNPRICED, make_card
from tests.inference.api.conftest import CREDIT, Api, data_url, make_caller, money

PATH = "/v1/quote"
PHOTO = {"image": data_url()}


def price_by_the_token(card: ModelCard) -> None:
    """5,117 n$ an image and 45 n$ a token."""
    launch = {"launch_price_nano_usd_per_image": 5_117, "launch_price_nano_usd_per_token": 45}
    ModelCard.objects.filter(pk=card.pk).update(**UNPRICED | launch)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/embeddings", {"input": ["a cat", "a dog", PHOTO]}),
        ("/v1/embeddings", {"input": "a cat"}),
        ("/v1/classify", {"input": [PHOTO], "labels": ["a cat", "a dog", "ein Bär"]}),
        (
            "/v1/classify",
            {"input": PHOTO, "labels": ["a cat"], "hypothesis_templates": ["a {}", "the {}"]},
        ),
        ("/v1/rank", {"query": "a cat", "documents": [PHOTO, "a dog"]}),
        ("/v1/rerank", {"query": PHOTO, "documents": [PHOTO]}),
    ],
)
@pytest.mark.parametrize("by_the_token", [False, True])
def test_a_call_costs_within_its_quote(
    api: Api, worker: object, path: str, fields: dict[str, object], by_the_token: bool
) -> None:
    if by_the_token:
        price_by_the_token(api.card)
    body = {"model": api.card.repo, **fields}

    quoted = api.http.post(PATH, json={"endpoint": path, **body})
    assert (quoted.status_code, Job.objects.count()) == (200, 0), quoted.text
    first, again = (api.http.post(path, json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), first.text + again.text

    held = Entry.objects.filter(kind=EntryKind.HOLD).earliest("pk").held_effect_micro_usd
    quote = quoted.json()
    costs = [float(answer.headers["x-gigarouter-cost"]) for answer in (first, again)]
    assert float(quote["max_cost"]) * 1e6 == pytest.approx(held)
    assert float(quote["min_cost"]) <= costs[0] <= float(quote["max_cost"])
    assert costs[1] == float(quote["min_cost"])  # every text was sent before


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({"input": "a cat"}, "/v1/embeddings"),
        ({"input": [PHOTO], "candidate_labels": "cat, dog"}, "/v1/classify"),
        ({"query": "a", "documents": ["b"]}, "/v1/rank"),
    ],
)
def test_what_is_asked_for_is_told_by_its_fields(
    api: Api, fields: dict[str, object], endpoint: str
) -> None:
    answer = api.http.post(PATH, json={"model": api.card.repo, **fields})

    assert answer.json()["endpoint"] == endpoint


def test_a_quote_shows_its_arithmetic(api: Api) -> None:
    price_by_the_token(api.card)
    body = {
        "model": api.card.repo,
        "input": [PHOTO],
        "labels": ["cat"],
        "hypothesis_template": "{}",
    }

    quote = api.http.post(PATH, json=body).json()

    # Three letters are at most three tokens, between their two ends and behind a space.
    assert (quote["images"], quote["texts"], quote["max_text_tokens"]) == (1, 1, 6)
    assert quote["unit_prices"] == {
        "image": "0.000005117",
        "text_token": "0.000000045",
        "text": "0",
    }
    assert quote["min_cost"] == "0.000006"
    assert quote["max_cost"] == "0.000006"  # 5,117 + 6 x 45 = 5,387 n$, rounded up once
    assert quote["max_cost_in_batch"] == "0.000003"
    assert (quote["available"], quote["covered"]) == ("1", True)


def test_a_quote_changes_nothing(api: Api) -> None:
    answer = api.http.post(PATH, json={"model": api.card.repo, "input": [PHOTO] * 200})

    assert answer.json()["max_cost"] == "0.0188"
    assert answer.headers["x-gigarouter-cost"] == "0"
    assert money(api.user) == (CREDIT, 0)
    assert not Job.objects.exists()


def test_pictures_behind_urls_are_counted_and_not_fetched(api: Api) -> None:
    urls = [{"image": f"https://pictures.invalid/{number}.jpg"} for number in range(3)]

    answer = api.http.post(PATH, json={"model": api.card.repo, "input": urls})

    assert (answer.status_code, answer.json()["images"]) == (200, 3)


def test_a_quote_says_whether_credit_and_key_cover_it(api: Api) -> None:
    _, _, poor = make_caller("poor@lab.example", 93)
    _, _, limited = make_caller("limited@lab.example", limit_micro_usd=93)
    body = {"model": api.card.repo, "input": [PHOTO]}

    quotes = [api.client(secret).post(PATH, json=body).json() for secret in (poor, limited)]

    assert [quote["covered"] for quote in quotes] == [False, False]


def test_a_model_that_is_not_live_yet_is_quoted_by_its_estimate(api: Api) -> None:
    make_card("lab/planned", stage=Stage.REQUESTED, **PRICED)

    quote = api.http.post(PATH, json={"model": "lab/planned", "input": [PHOTO]}).json()

    assert (quote["estimated"], quote["callable"], quote["max_cost"]) == (True, False, "0.000094")


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "no/such"}, 404, "model"),
        ({"model": None}, 400, "model"),
        ({"endpoint": "/v1/chat/completions"}, 400, "endpoint"),
        ({"endpoint": 7}, 400, "endpoint"),
        ({"input": []}, 400, "input"),
        ({"input": [{"image": "bm90IGFuIGltYWdl"}]}, 400, "input[0]"),
        ({"labels": []}, 400, "labels"),
    ],
)
def test_what_the_call_would_refuse_is_refused(
    api: Api, change: dict[str, object], status: int, param: str
) -> None:
    answer = api.http.post(PATH, json={"model": api.card.repo, "input": [PHOTO], **change})

    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


def test_a_stranger_gets_no_quote(api: Api) -> None:
    body = {"model": api.card.repo, "input": "a"}

    assert api.client("gr_live_wrong").post(PATH, json=body).status_code == 401
