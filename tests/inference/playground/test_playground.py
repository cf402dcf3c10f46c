"""The playground: works, refuses in sentences, and shows a job to nobody but its owner."""

import doctest
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from catalog import limits
from catalog.models import ModelCard
from inference.jobs import claims
from inference.models import ErrorCode, Job, State, Worker
from inference.worker import settlement
from tests.conftest import answer_next, photo_bytes
from tests.support.http.responses import Response


def upload(data: bytes, name: str = "photo.jpg") -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file


@pytest.fixture
def send(client: Client, served_card: ModelCard) -> Callable[..., Response]:
    """Send the playground's form; keywords change its fields, None leaves one out."""

    def post(by: Client = client, **changes: Any) -> Response:
        fields = {"model": served_card.repo, "labels": "a cat, a dog", "template": "a photo of {}"}
        fields |= {"picture": upload(photo_bytes())} | changes
        return by.post("/playground/", {k: v for k, v in fields.items() if v is not None})

    return post


Send = Callable[..., Response]


@pytest.fixture
def done(send: Send, served_card: ModelCard) -> Job:
    """A job that was sent by the test's client and has succeeded."""
    send()
    return answer_next(served_card)


def test_a_picture_and_labels_become_a_job(send: Send) -> None:
    response = send()

    job = Job.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/jobs/{job.pk}/")
    assert job.payload["labels"] == ["a cat", "a dog"]
    assert job.visitor is not None


def test_two_tabs_of_a_first_visit_keep_both_their_jobs(
    client: Client, send: Send, served_card: ModelCard
) -> None:
    client.get("/playground/")
    tabs = [Client(), Client()]
    for tab in tabs:
        tab.cookies.load(client.cookies.output(header=""))

    # Neither has the other's session when it sends its form; the browser keeps the last cookie.
    jobs = [send(by=tab, labels=f"a cat, thing {n}")["Location"] for n, tab in enumerate(tabs)]
    client.cookies.load(tabs[0].cookies.output(header=""))
    client.cookies.load(tabs[1].cookies.output(header=""))

    assert tabs[0].cookies["session"].value != tabs[1].cookies["session"].value
    assert [client.get(job).status_code for job in jobs] == [200, 200]


def test_another_browser_is_another_visitor(send: Send) -> None:
    mine, other = Client(), Client()
    mine.get("/playground/"), other.get("/playground/")

    job = send(by=mine)["Location"]
    send(by=other)

    assert mine.get(job).status_code == 200
    assert other.get(job).status_code == 404


def test_a_sample_needs_no_upload(send: Send) -> None:
    send(picture=None, sample="cat")

    assert Job.objects.get().image_inputs[0]["width"] > 100


def test_an_own_picture_wins_over_the_sample(send: Send) -> None:
    send(sample="cat")

    assert Job.objects.get().image_inputs[0].items() >= {"width": 64, "height": 48}.items()


def test_a_signed_in_person_owns_the_job(send: Send, client: Client) -> None:
    ada = User.objects.create_user("ada@lab.example")
    client.force_login(ada)

    send()

    assert Job.objects.get().owner == ada


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"picture": upload(b"hello")}, "not a picture we can read"),
        ({"picture": upload(b"")}, "empty"),
        ({"picture": None}, "choose a picture"),
        ({"picture": upload(b"\xff\xd8" + b"\0" * 10_485_760)}, "larger than 10 MB"),
        ({"picture": None, "sample": "../../manage"}, "not one of the available choices"),
        ({"labels": " "}, "at least one label"),
        ({"labels": "x" * 1_000_000}, "1,000,000 characters"),
        ({"labels": ",".join(map(str, range(101)))}, "101 labels"),
        ({"template": "a photo"}, "exactly once"),
        ({"template": "{} and {}"}, "exactly once"),
        ({"model": "nobody/nothing"}, "No worker serves that model"),
        ({"labels": "a\0cat"}, "Null characters"),
    ],
)
def test_bad_input_gets_a_sentence_and_makes_no_job(
    send: Send, changes: dict[str, Any], sentence: str
) -> None:
    response = send(**changes)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not Job.objects.exists()


def test_what_was_typed_survives_an_error_and_is_escaped(send: Send) -> None:
    page = send(picture=None, labels="a <script>").content.decode()

    assert "a &lt;script&gt;" in page
    assert "a <script>" not in page


def test_a_model_without_a_worker_is_not_offered(client: Client, card: ModelCard) -> None:
    page = client.get("/playground/").content.decode()

    assert f'value="{card.repo}"' not in page
    assert "no worker" in page.lower()


def test_the_session_limit_says_when_to_come_back(send: Send, settings: Settings) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 1
    send()

    response = send(labels="another")

    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "come back" in response.content.decode()
    assert Job.objects.count() == 1


def test_the_address_limit_holds_across_sessions(send: Send, settings: Settings) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS = 1
    send(by=Client(REMOTE_ADDR="192.0.2.7"))

    assert send(by=Client(REMOTE_ADDR="192.0.2.7")).status_code == 429
    assert send(by=Client(REMOTE_ADDR="192.0.2.8")).status_code == 302


def test_a_network_of_many_addresses_counts_as_one(send: Send, settings: Settings) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS = 1
    send(by=Client(REMOTE_ADDR="2001:db8:1:2::1"))

    assert send(by=Client(REMOTE_ADDR="2001:db8:1:2:ffff::9")).status_code == 429
    assert send(by=Client(REMOTE_ADDR="2001:db8:1:3::1")).status_code == 302


def test_the_examples_of_the_limits_hold() -> None:
    assert doctest.testmod(limits).failed == 0


def test_a_form_from_elsewhere_is_refused(served_card: ModelCard) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/playground/", {"labels": "a cat"}).status_code == 403


def test_the_waiting_page_asks_again_by_itself(send: Send, client: Client) -> None:
    page = client.get(send()["Location"]).content.decode()

    assert "hx-get" in page
    assert '<noscript><meta http-equiv="refresh"' in page


def test_htmx_gets_the_changing_part_alone(done: Job, client: Client) -> None:
    part = client.get(f"/jobs/{done.pk}/", headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in part
    assert "90.0" in part


def test_a_result_shows_scores_and_stops_asking(done: Job, client: Client) -> None:
    page = client.get(f"/jobs/{done.pk}/").content.decode()

    assert "90.0" in page
    assert "0.270" in page
    assert "hx-get" not in page
    assert "http-equiv" not in page


def test_a_failure_says_what_happened(send: Send, client: Client, served_card: ModelCard) -> None:
    send()
    [job] = claims.claim(served_card, worker="w", budget=1)
    settlement.fail(job, ErrorCode.INVALID_IMAGE)

    assert "could not be decoded" in client.get(f"/jobs/{job.pk}/").content.decode()


def test_the_owner_sees_the_preview_under_a_locked_down_policy(done: Job, client: Client) -> None:
    response = client.get(f"/jobs/{done.pk}/picture.jpg")

    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Security-Policy"].startswith("sandbox")
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("address", ["", "picture.jpg"])
def test_a_stranger_finds_no_job(done: Job, address: str) -> None:
    assert Client().get(f"/jobs/{done.pk}/{address}").status_code == 404


@pytest.mark.parametrize("verb", ["cancel", "forget"])
def test_a_stranger_cannot_touch_a_job(send: Send, verb: str) -> None:
    send()
    job = Job.objects.get()

    assert Client().post(f"/jobs/{job.pk}/{verb}/").status_code == 404
    assert Job.objects.get().state == State.QUEUED


def test_a_session_that_was_used_before_signing_in_loses_no_job(done: Job, client: Client) -> None:
    client.force_login(User.objects.create_user("ada@lab.example"))

    assert client.get(f"/jobs/{done.pk}/").status_code == 200


def test_the_owner_can_cancel(send: Send, client: Client) -> None:
    job_address = send()["Location"]

    response = client.post(f"{job_address}cancel/", follow=True)

    assert Job.objects.get().state == State.CANCELLED
    assert "canceled" in response.content.decode()


def test_the_owner_can_have_everything_deleted(done: Job, client: Client) -> None:
    client.post(f"/jobs/{done.pk}/forget/")

    assert not Job.objects.exists()
    assert client.get(f"/jobs/{done.pk}/picture.jpg").status_code == 404


@pytest.mark.parametrize(
    ("method", "address"),
    [("put", "/playground/"), ("post", "/"), ("get", "cancel/"), ("get", "forget/"), ("post", "")],
)
def test_other_verbs_are_refused(done: Job, client: Client, method: str, address: str) -> None:
    target = address if address.startswith("/") else f"/jobs/{done.pk}/{address}"

    assert getattr(client, method)(target).status_code == 405


def test_a_cache_that_is_away_is_a_sentence_and_keeps_the_labels(
    send: Send, settings: Settings
) -> None:
    away = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}

    response = send(labels="a heron")

    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "a heron" in response.content.decode()
    assert not Job.objects.exists()


def test_only_a_form_that_is_right_otherwise_is_decoded_and_counted(
    send: Send, settings: Settings
) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 1

    for _ in range(3):
        assert send(labels=" ").status_code == 400

    assert send().status_code == 302


def test_a_model_page_offers_to_try_what_a_worker_serves(
    client: Client, served_card: ModelCard
) -> None:
    served = client.get(served_card.get_absolute_url()).content.decode()
    Worker.objects.all().delete()
    unserved = client.get(served_card.get_absolute_url()).content.decode()

    assert "Try it in the playground" in served
    assert "Try it in the playground" not in unserved


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"template": "a photo of {}"}),
        ({"prompts": "one", "templates": "no place"}, {"template": "a photo of {}"}),
        ({"prompts": "one", "template": ""}, {"template": "a photo of {}"}),
        ({"prompts": "openai-7", "template": "no place"}, {"template": "openai-7"}),
        ({"prompts": "openai-80"}, {"template": "openai-80"}),
        (
            {"prompts": "own", "templates": " a {}\r\n\r\nthe {}, large\r\n"},
            {"template": "", "templates": ["a {}", "the {}, large"]},
        ),
        ({"prompts": "own", "templates": "a {}"}, {"template": "a {}"}),
    ],
)
def test_prompts_are_one_or_several(
    send: Send, fields: dict[str, str], expected: dict[str, object]
) -> None:
    send(**fields)

    payload = Job.objects.get().payload
    assert {name: payload[name] for name in payload if name.startswith("template")} == expected


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prompts": "own", "templates": " \n"}, "at least one prompt"),
        ({"prompts": "own", "templates": "a {}\nno place"}, "exactly once"),
        ({"prompts": "own", "templates": "a {}\n" + "x" * 200 + "{}"}, "200 characters"),
        ({"prompts": "own", "templates": "a {}\n" * 101}, "101 prompts"),
        ({"prompts": "openai-8"}, "not one of the available choices"),
        (
            {"prompts": "openai-80", "labels": "\n".join(map(str, range(11)))},
            "11 labels by 80 prompts are 880 texts",
        ),
    ],
)
def test_prompts_that_cannot_be_used_get_a_sentence_and_stay(
    send: Send, fields: dict[str, str], sentence: str
) -> None:
    response = send(**fields)

    page = response.content.decode()
    assert response.status_code == 400
    assert sentence in page
    assert "<details" in page
    assert not Job.objects.exists()
    if "templates" in fields and fields["templates"].strip():
        assert "a {}" in page
        assert 'value="own" checked' in page


def test_the_form_says_what_texts_cost_before_it_is_sent(
    client: Client, served_card: ModelCard
) -> None:
    served_card.text_gflops, served_card.image_gflops = 13.3, 162.03
    served_card.save()

    page = client.get("/playground/").content.decode()

    assert served_card.price is not None
    tokens = served_card.most_tokens
    assert f'data-nano-usd-per-text="{tokens * served_card.price.nano_usd_per_token}"' in page
    assert "and texts $0.10 per million tokens, when it reads them for you for the first" in page
