"""Several models on one's own photos: starts, refuses in sentences, and shows nobody else's."""

import contextlib
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from catalog.models import ModelCard
from inference.comparing import columns as stored_columns
from inference.comparing import deletion, photos
from inference.comparing.columns import Column
from inference.comparing.photos import Upload
from inference.jobs import claims
from inference.models import ComparedPhoto, Comparison, ErrorCode, Job, State, Worker
from inference.worker import settlement
from tests.conftest import answer_next, photo_bytes
from tests.inference.comparing.conftest import Start, sentences, started, upload
from tests.support.threads import at_once


def photo(number: int) -> bytes:
    return photo_bytes(64 + number, 48)


@pytest.fixture
def comparison(start: Start) -> Comparison:
    return started(start())


@pytest.fixture
def answered(comparison: Comparison, cards: list[ModelCard]) -> Comparison:
    for card in cards:
        answer_next(card)
    return comparison


def test_the_form_names_the_served_models(client: Client, cards: list[ModelCard]) -> None:
    page = client.get("/try/compare/")

    assert page.status_code == 200
    assert all(f'value="{card.repo}"' in page.content.decode() for card in cards)


def test_without_a_worker_the_form_says_so(client: Client, card: ModelCard) -> None:
    page = sentences(client.get("/try/compare/"))

    assert "No worker is up right now" in page
    assert card.repo not in page


def test_a_model_named_in_the_address_comes_first(client: Client, cards: list[ModelCard]) -> None:
    page = client.get("/try/compare/?model=openai/second&model=nobody/nothing").content.decode()

    first = page.partition('name="model_1"')[2].partition("</select>")[0]
    assert '<option value="openai/second" selected>' in first


def test_each_photo_becomes_an_ordinary_job_for_each_column(start: Start) -> None:
    comparison = started(start(photos=[upload(photo(1), "a.jpg"), upload(photo(2), "b.jpg")]))

    jobs = Job.objects.order_by("pk")
    assert [photo.name for photo in comparison.photos.order_by("position")] == ["a.jpg", "b.jpg"]
    assert sorted(job.card.repo for job in jobs) == ["openai/first"] * 2 + ["openai/second"] * 2
    assert {(job.kind, job.visitor) for job in jobs} == {("classify", comparison.visitor)}
    assert all(job.payload["labels"] == ["a cat", "a dog"] for job in jobs)


def test_one_model_may_be_asked_in_two_ways(start: Start, cards: list[ModelCard]) -> None:
    start(model_2=cards[0].repo, prompts_2="own", template_2="a drawing of {}")

    assert {job.payload["template"] for job in Job.objects.all()} == {
        "a photo of {}",
        "a drawing of {}",
    }


def test_the_same_form_sent_twice_is_one_comparison(start: Start) -> None:
    first, second = start(idempotency_key="k"), start(idempotency_key="k")

    assert first["Location"] == second["Location"]
    assert Job.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"photos": None}, "at least one photo"),
        ({"photos": [upload(photo(n)) for n in range(5)]}, "up to 4 at a time"),
        ({"labels": " "}, "at least one label"),
        ({"labels": "a cat"}, "at least two labels"),
        ({"labels": ",".join(map(str, range(101)))}, "101 labels"),
        ({"labels": "a\0cat, a dog"}, "Null characters"),
        ({"model_2": None}, "at least two columns"),
        ({"model_2": "openai/first"}, "Columns 1 and 2 are the same"),
        ({"model_2": "nobody/nothing"}, "No worker serves nobody/nothing"),
        ({"model_2": "x\0"}, "Null characters"),
        ({"prompts_2": "openai-9"}, "not one of the available choices"),
        ({"prompts_2": "own", "template_2": "no place"}, "Column 2: A prompt needs {} exactly"),
        ({"template": "{} {}"}, "A prompt needs {} exactly once"),
        ({"photos": None, "photo_count": "21"}, "21 photos are more than the 20"),
        ({"photos": None, "photo_count": "10001"}, "less than or equal to 10000"),
        ({"photos": None, "photo_count": "x"}, "whole number"),
        (
            {"labels": ",".join(map(str, range(20))), "prompts_2": "openai-80"},
            "20 labels by 80 prompts are 1,600 texts",
        ),
    ],
)
def test_bad_input_gets_a_sentence_and_starts_nothing(
    start: Start, changes: dict[str, Any], sentence: str
) -> None:
    response = start(**changes)

    assert response.status_code == 400
    assert sentence in sentences(response)
    assert not Comparison.objects.exists()
    assert not Job.objects.exists()


def test_what_was_typed_survives_an_error_and_is_escaped(start: Start) -> None:
    page = start(photos=None, labels="a <script>, a dog", template_2="<b>").content.decode()

    assert "a &lt;script&gt;, a dog" in page
    assert "a <script>" not in page
    assert 'value="&lt;b&gt;"' in page


def test_a_bad_file_names_itself_and_the_others_go_on(start: Start, client: Client) -> None:
    files = [upload(b"hello", "notes.jpg"), upload(b"\xff\xd8" + b"\0" * 10_485_760, "huge.jpg")]
    comparison = started(start(photos=[upload(), *files]))

    page = sentences(client.get(f"/try/compare/{comparison.pk}/"))

    assert Job.objects.count() == 2
    assert "notes.jpg" in page
    assert "That file is not a picture we can read" in page
    assert "larger than 10 MB" in page


def test_work_is_counted_as_photos_times_columns_before_it_is_admitted(
    start: Start, settings: Settings
) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 6
    two = [(1, "1.jpg"), (2, "2.jpg")]
    started(start(photos=[upload(photo(n), name) for n, name in two]))

    refused = start(photos=[upload(photo(n), name) for n, name in two])

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "2 photos by 2 columns are 4 pictures to score, more than is left" in sentences(refused)
    assert Comparison.objects.count() == 1
    # What was refused has used up nothing.
    assert start().status_code == 302
    assert start().status_code == 429


def test_what_no_hour_allows_is_refused_without_a_time_to_wait(
    start: Start, settings: Settings
) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 39

    response = start(photos=None, photo_count=20)

    assert response.status_code == 400
    assert "20 photos by 2 columns are 40 pictures to score; 39 are free" in sentences(response)


def test_the_network_limit_holds_across_sessions(start: Start, settings: Settings) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS = 3

    assert start(by=Client(REMOTE_ADDR="192.0.2.7")).status_code == 302
    assert start(by=Client(REMOTE_ADDR="192.0.2.7")).status_code == 429
    assert start(by=Client(REMOTE_ADDR="192.0.2.8")).status_code == 302


def test_a_cache_that_is_away_is_a_sentence(start: Start, settings: Settings) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1"}}

    assert start().status_code == 503
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_photos_at_once_only_those_that_were_admitted_get_in(start: Start) -> None:
    comparison = started(start(photos=None, photo_count=3))
    columns = stored_columns.of(comparison)

    def add(number: int) -> bool:
        try:
            photos.add(comparison, columns, Upload(f"{number}.jpg", photo(number)), payer=None)
        except photos.Full:
            return False
        return True

    assert sum(at_once(add, 8)) == 3
    assert sorted(comparison.photos.values_list("position", flat=True)) == [0, 1, 2]
    assert Job.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_whatever_arrives_while_it_is_deleted_leaves_nothing_behind(start: Start) -> None:
    for _ in range(4):
        comparison = started(start(photos=None, photo_count=3))
        columns = stored_columns.of(comparison)

        def act(
            number: int, comparison: Comparison = comparison, columns: list[Column] = columns
        ) -> None:
            if number == 2:
                deletion.delete(Comparison.objects.get(pk=comparison.pk))
                return
            with contextlib.suppress(photos.NotTaken):
                photos.add(comparison, columns, Upload(f"{number}.jpg", photo(number)), payer=None)

        at_once(act, 4)

        assert not Comparison.objects.exists()
        assert not Job.objects.exists()


def test_photos_follow_one_by_one_and_only_as_many_as_were_admitted(
    start: Start, client: Client
) -> None:
    comparison = started(start(photos=None, photo_count=2))
    address = f"/try/compare/{comparison.pk}/photos/"

    def send(number: int) -> int:
        fields = {"script": "1", "name": f"cat/{number}.jpg", "photos": upload(photo(number))}
        return int(client.post(address, fields).status_code)

    assert [send(1), send(1), send(2), send(3)] == [204, 204, 204, 409]
    assert [row.name for row in comparison.photos.order_by("position")] == [
        "cat/1.jpg",
        "cat/2.jpg",
    ]
    assert Job.objects.count() == 4


def test_a_folder_named_like_a_label_is_the_truth(start: Start, client: Client) -> None:
    comparison = started(start(photos=None, photo_count=1))

    client.post(
        f"/try/compare/{comparison.pk}/photos/",
        {"script": "1", "name": "set/Dog/1.jpg", "photos": upload()},
    )

    assert comparison.photos.get().truth == 1


def test_more_photos_are_added_by_form_within_the_same_limits(
    comparison: Comparison, client: Client, settings: Settings
) -> None:
    address = f"/try/compare/{comparison.pk}/photos/"

    client.post(address, {"photos": [upload(photo(1)), upload(photo(2))]})
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 6
    refused = client.post(address, {"photos": upload(photo(3))}, follow=True)

    assert comparison.photos.count() == 3
    assert "1 photo by 2 columns are 2 pictures" in sentences(refused)


def test_a_model_that_lost_its_worker_leaves_its_cell_empty_and_says_so(
    start: Start, client: Client, cards: list[ModelCard]
) -> None:
    comparison = started(start(photos=None, photo_count=1))
    Worker.objects.update(repos=[cards[0].repo])

    client.post(f"/try/compare/{comparison.pk}/photos/", {"script": "1", "photos": upload()})

    assert Job.objects.get().card == cards[0]
    page = sentences(client.get(f"/try/compare/{comparison.pk}/"))
    assert "No worker served this model when the photo came." in page


def test_a_worker_that_is_away_is_said_while_its_answers_wait(
    comparison: Comparison, client: Client
) -> None:
    Worker.objects.all().delete()

    page = sentences(client.get(f"/try/compare/{comparison.pk}/"))

    assert "No worker serves it now." in page


def test_the_page_asks_again_until_all_answers_are_in(
    comparison: Comparison, cards: list[ModelCard], client: Client
) -> None:
    def asks_again() -> bool:
        page = client.get(f"/try/compare/{comparison.pk}/").content.decode()
        return 'hx-trigger="every' in page and "http-equiv" in page

    answer_next(cards[0])
    first = asks_again()
    answer_next(cards[1])

    assert (first, asks_again()) == (True, False)


def test_htmx_gets_the_table_alone(answered: Comparison, client: Client) -> None:
    part = client.get(
        f"/try/compare/{answered.pk}/", headers={"HX-Request": "true"}
    ).content.decode()

    assert "<html" not in part
    assert "90.0%" in part


def test_the_truth_is_one_click_and_gives_accuracy(answered: Comparison, client: Client) -> None:
    photo = answered.photos.get()

    response = client.post(
        f"/try/compare/{answered.pk}/truth/", {"photo": photo.pk, "truth": "a cat"}, follow=True
    )

    page = sentences(response)
    assert "<b>1</b> of 1" in page
    assert "21–100 %" in page
    assert "nothing tells them apart yet" in page


@pytest.mark.parametrize(
    ("truth", "stored"), [("a dog", 1), ("∅", -1), ("", None), ("a horse", None), ("0", None)]
)
def test_a_truth_is_a_label_none_of_them_or_unknown(
    answered: Comparison, client: Client, truth: str, stored: int | None
) -> None:
    photo = answered.photos.get()

    client.post(f"/try/compare/{answered.pk}/truth/", {"photo": photo.pk, "truth": truth})

    photo.refresh_from_db()
    assert photo.truth == stored


@pytest.mark.parametrize("number", ["", "x", "0", "9" * 18, "9" * 5000, "²"])
def test_a_truth_of_no_photo_is_not_found(
    answered: Comparison, client: Client, number: str
) -> None:
    address = f"/try/compare/{answered.pk}/truth/"

    assert client.post(address, {"photo": number, "truth": "a cat"}).status_code == 404


def test_a_failure_stands_in_its_cell(
    comparison: Comparison, cards: list[ModelCard], client: Client
) -> None:
    [job] = claims.claim(cards[0], worker="w", budget=1)
    settlement.fail(job, ErrorCode.INVALID_IMAGE)
    answer_next(cards[1])

    page = sentences(client.get(f"/try/compare/{comparison.pk}/"))

    assert "could not be decoded" in page
    assert "90.0%" in page


def test_canceling_ends_what_is_open_and_takes_no_more_photos(
    comparison: Comparison, cards: list[ModelCard], client: Client
) -> None:
    answer_next(cards[0])
    Comparison.objects.update(admitted_photos=5)

    page = client.post(f"/try/compare/{comparison.pk}/cancel/", follow=True)
    late = client.post(
        f"/try/compare/{comparison.pk}/photos/", {"script": "1", "photos": upload(photo(9))}
    )

    assert sorted(Job.objects.values_list("state", flat=True)) == [
        State.CANCELLED,
        State.SUCCEEDED,
    ]
    assert "Canceled: 1 of 2 answers came before." in sentences(page)
    assert late.status_code == 409


@pytest.mark.django_db(transaction=True)
def test_deleting_leaves_neither_rows_nor_files(
    answered: Comparison, client: Client, settings: Settings
) -> None:
    media = settings.STORAGES["default"]["OPTIONS"]["location"]
    assert [path for path in media.rglob("*") if path.is_file()]

    page = client.post(f"/try/compare/{answered.pk}/delete/", follow=True)

    assert "Deleted: the photos" in sentences(page)
    assert not Job.objects.exists()
    assert not ComparedPhoto.objects.exists()
    assert [path for path in media.rglob("*") if path.is_file()] == []
    assert client.get(f"/try/compare/{answered.pk}/").status_code == 404


@pytest.mark.parametrize("query", ["", "?column=0", "?column=1"])
def test_the_owner_sees_small_copies_under_a_locked_down_policy(
    answered: Comparison, client: Client, query: str
) -> None:
    photo = answered.photos.get()

    response = client.get(f"/try/compare/{answered.pk}/photos/{photo.pk}.jpg{query}")

    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize("query", ["?column=2", "?column=x", "?column=", "?column=-1"])
def test_what_no_column_saw_is_not_found(answered: Comparison, client: Client, query: str) -> None:
    photo = answered.photos.get()

    address = f"/try/compare/{answered.pk}/photos/{photo.pk}.jpg{query}"
    assert client.get(address).status_code == 404


def test_a_photo_of_another_comparison_is_not_found(
    answered: Comparison, client: Client, start: Start
) -> None:
    other = started(start())
    photo = answered.photos.get()

    assert client.get(f"/try/compare/{other.pk}/photos/{photo.pk}.jpg").status_code == 404
    assert client.get(f"/try/compare/{other.pk}/photos/{10**30}.jpg").status_code == 404


READS = ["", "comparison.csv", "comparison.json", "compare.py", "photos/{photo}.jpg"]
VERBS = ["photos/", "truth/", "cancel/", "delete/", "share/", "unshare/"]


@pytest.mark.parametrize("address", READS)
@pytest.mark.parametrize("is_person", [False, True])
def test_a_stranger_reads_nothing(answered: Comparison, address: str, is_person: bool) -> None:
    stranger = Client()
    if is_person:
        stranger.force_login(User.objects.create_user("bob@lab.example"))
    path = address.format(photo=answered.photos.get().pk)

    assert stranger.get(f"/try/compare/{answered.pk}/{path}").status_code == 404


@pytest.mark.parametrize("verb", VERBS)
def test_a_stranger_changes_nothing(answered: Comparison, verb: str) -> None:
    response = Client().post(
        f"/try/compare/{answered.pk}/{verb}",
        {"photo": answered.photos.get().pk, "truth": "a dog", "photos": upload()},
    )

    assert response.status_code == 404
    answered.refresh_from_db()
    assert (answered.canceled_at, answered.share_token) == (None, "")
    assert answered.photos.get().truth is None


@pytest.mark.parametrize("address", READS)
def test_what_is_read_is_not_written(answered: Comparison, client: Client, address: str) -> None:
    path = address.format(photo=answered.photos.get().pk)

    assert client.post(f"/try/compare/{answered.pk}/{path}").status_code == 405


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_written_is_not_read(answered: Comparison, client: Client, verb: str) -> None:
    assert client.get(f"/try/compare/{answered.pk}/{verb}").status_code == 405


def test_the_form_takes_no_other_verb(client: Client, cards: list[ModelCard]) -> None:
    assert client.put("/try/compare/").status_code == 405


def test_a_form_from_elsewhere_is_refused(fields: dict[str, Any]) -> None:
    assert Client(enforce_csrf_checks=True).post("/try/compare/", fields).status_code == 403


def test_a_session_that_was_used_before_signing_in_loses_nothing(
    answered: Comparison, client: Client
) -> None:
    client.force_login(User.objects.create_user("ada@lab.example"))

    assert client.get(f"/try/compare/{answered.pk}/").status_code == 200


def test_a_shared_link_shows_the_table_and_changes_nothing(
    answered: Comparison, client: Client
) -> None:
    client.post(f"/try/compare/{answered.pk}/share/")
    answered.refresh_from_db()
    address = f"/try/compare/shared/{answered.share_token}/"
    friend = Client()

    page = friend.get(address).content.decode()

    assert "90.0%" in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]
    assert friend.get(f"{address}photos/{answered.photos.get().pk}.jpg").status_code == 200
    assert friend.post(address).status_code == 405
    assert friend.get(f"/try/compare/{answered.pk}/").status_code == 404


def test_a_link_ends_when_its_owner_says_so(answered: Comparison, client: Client) -> None:
    client.post(f"/try/compare/{answered.pk}/share/")
    answered.refresh_from_db()
    address = f"/try/compare/shared/{answered.share_token}/"

    client.post(f"/try/compare/{answered.pk}/unshare/")

    assert Client().get(address).status_code == 404
    assert Client().get("/try/compare/shared/x/").status_code == 404
