"""A result goes on: other labels, prompts and models on the picture that is kept."""

import uuid

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.infrastructure import storage
from catalog.models import ModelCard
from inference.models import Job, Worker
from tests.conftest import make_card
from tests.inference.playground.conftest import Post, work


def newest() -> Job:
    return Job.objects.latest("created_at")


def test_other_labels_run_on_the_kept_picture(again: Post, first: Job) -> None:
    response = again(labels="a cat, a fox")

    job = newest()
    assert (response.status_code, response["Location"]) == (302, f"/jobs/{job.pk}/")
    assert job.payload["labels"] == ["a cat", "a fox"]
    assert job.visitor == first.visitor
    assert storage.read(job.image_files[0]) == storage.read(first.preview_file)


def test_a_rerun_of_a_rerun_scores_the_same_bytes(
    again: Post, first: Job, served_card: ModelCard
) -> None:
    again()
    work(served_card)
    second = newest()

    again(job=second, labels="a bird, a fish")

    third = newest()
    assert second.preview_file != first.preview_file
    assert storage.read(third.image_files[0]) == storage.read(first.preview_file)


def test_deleting_the_first_leaves_the_others_whole(
    again: Post, first: Job, served_card: ModelCard, client: Client
) -> None:
    again()
    work(served_card)
    second = newest()

    client.post(f"/jobs/{first.pk}/forget/")

    assert client.get(f"/jobs/{second.pk}/picture.jpg").status_code == 200
    assert again(job=second).status_code == 302


def test_a_rerun_does_not_prolong_the_first(
    again: Post, first: Job, served_card: ModelCard
) -> None:
    before = first.finished_at

    again()
    work(served_card)

    first.refresh_from_db()
    assert first.finished_at == before


def test_reruns_count_against_the_limit(again: Post, settings: Settings) -> None:
    settings.PLAYGROUND_JOBS_PER_HOUR_SESSION = 2  # the first job was one

    assert again().status_code == 302
    refused = again(labels="a heron")

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "a heron" in refused.content.decode()
    assert Job.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": " "}, "at least one label"),
        ({"template": "no place"}, "exactly once"),
        ({"model": "nobody/nothing"}, "No worker serves that model"),
        ({"labels": "none of these, a cat", "none_of_these": "on"}, "none of these"),
        ({"labels": "something else, a cat", "none_of_these": "on"}, "something else"),
    ],
)
def test_bad_input_gets_a_sentence_and_runs_nothing(
    again: Post, changes: dict[str, str], sentence: str
) -> None:
    response = again(**changes)

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert Job.objects.count() == 1


def test_htmx_gets_the_part_and_no_address_of_an_error(again: Post) -> None:
    response = again(labels=" ", headers={"HX-Request": "true"})

    assert response.status_code == 422
    assert "<html" not in response.content.decode()
    assert response["HX-Push-Url"] == "false"


def test_a_stranger_cannot_run_on_my_picture(again: Post) -> None:
    assert again(by=Client()).status_code == 404
    assert Job.objects.count() == 1


def test_only_forms_are_taken(first: Job, client: Client) -> None:
    assert client.get(f"/jobs/{first.pk}/again/").status_code == 405


def test_a_form_from_elsewhere_is_refused(first: Job) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post(f"/jobs/{first.pk}/again/").status_code == 403


def test_a_job_without_its_picture_is_not_run_again(
    again: Post, first: Job, client: Client
) -> None:
    storage.delete([first.preview_file])

    response = again()

    assert response.status_code == 400
    assert "no longer here" in response.content.decode()
    Job.objects.update(preview_file="")
    assert again().status_code == 404


def test_an_open_job_has_no_form_yet(again: Post, client: Client, served_card: ModelCard) -> None:
    again()

    assert "run again" not in client.get(newest().get_absolute_url()).content.decode()
    assert again(job=newest()).status_code == 404
    work(served_card)
    assert "run again" in client.get(newest().get_absolute_url()).content.decode()


def test_the_form_holds_what_was_asked(again: Post, served_card: ModelCard, client: Client) -> None:
    again(labels="a <heron>", prompts="own", templates="a {}\nthe {}", none_of_these="on")
    work(served_card)

    page = client.get(newest().get_absolute_url()).content.decode()

    assert ">a &lt;heron&gt;</textarea>" in page
    assert "a {}\nthe {}</textarea>" in page
    assert 'name="none_of_these" checked' in page


def test_none_of_these_is_one_more_label_of_a_softmax(
    again: Post, served_card: ModelCard, client: Client
) -> None:
    again(labels="a cat", none_of_these="on")
    assert newest().payload["labels"] == ["a cat", "something else"]
    work(served_card)

    page = client.get(newest().get_absolute_url()).content.decode()

    assert ">none of these</th>" in page
    assert "scored as one more label, “something else”" in page


def test_none_of_these_is_a_threshold_where_labels_are_scored_by_themselves(
    again: Post, served_card: ModelCard, client: Client
) -> None:
    ModelCard.objects.filter(pk=served_card.pk).update(open_clip_model="ViT-B-16-SigLIP")
    again(labels="a cat, a dog", none_of_these="on")
    job = newest()
    assert job.payload["labels"] == ["a cat", "a dog"]
    work(served_card)
    job.refresh_from_db()
    assert job.result is not None
    job.result["activation"] = "sigmoid"
    for prediction in job.result["rows"][0]["predictions"]:
        prediction["score"] = 0.49
    job.save()

    page = client.get(job.get_absolute_url()).content.decode()

    assert "none of these labels fits" in page
    assert "no label reaches 50 %" in page
    job.result["rows"][0]["predictions"][0]["score"] = 0.5
    job.save()
    assert "closest label: " in client.get(job.get_absolute_url()).content.decode()


def test_another_model_stands_beside_the_first(again: Post, first: Job, client: Client) -> None:
    other = make_card("lab/other", name="Other")
    Worker.objects.create(name="w2", pid=2, device="cpu", repos=[other.repo])

    response = again(model=other.repo, labels="a cat, a fox", beside="1")

    job = newest()
    assert response["Location"] == f"/jobs/{job.pk}/?beside={first.pk}"
    work(other)
    page = client.get(response["Location"]).content.decode()
    assert 'class="bars versus"' in page
    assert "Each model has its own scale" in page
    assert "not asked" in page  # a dog of the first, a fox of the second


@pytest.mark.parametrize("sent", ["", "nothing", "00000000-0000-4000-8000-000000000000"])
def test_what_cannot_stand_beside_is_left_out(first: Job, client: Client, sent: str) -> None:
    response = client.get(f"/jobs/{first.pk}/?beside={sent}")

    assert response.status_code == 200
    assert "versus" not in response.content.decode()


def test_a_strangers_result_does_not_stand_beside(
    first: Job, client: Client, served_card: ModelCard
) -> None:
    Job.objects.filter(pk=first.pk).update(visitor="00000000-0000-4000-8000-000000000001")
    client.post("/playground/", {"model": served_card.repo, "labels": "a bee", "sample": "cat"})
    work(served_card)
    mine = newest()

    page = client.get(f"/jobs/{mine.pk}/?beside={first.pk}").content.decode()

    assert "versus" not in page


def test_beyond_ten_labels_the_rest_is_folded(
    again: Post, served_card: ModelCard, client: Client
) -> None:
    again(labels=",".join(f"thing {number}" for number in range(13)))
    work(served_card)

    page = client.get(newest().get_absolute_url()).content.decode()

    assert "<summary>3 more labels</summary>" in page
    assert page.index("3 more labels") < page.rindex("thing ")


def test_the_browser_lists_what_it_has_run_and_nobody_elses(
    again: Post, first: Job, client: Client
) -> None:
    again(labels="a heron")

    mine = client.get("/playground/").content.decode()

    assert "run from this browser: 2" in mine
    assert f'href="/jobs/{first.pk}/"' in mine
    assert "run from this browser" not in Client().get("/playground/").content.decode()


def test_the_list_is_bounded(first: Job, client: Client) -> None:
    for _ in range(15):
        first.pk, first._state.adding = uuid.uuid4(), True
        first.save()

    page = client.get("/playground/").content.decode()

    assert page.count('<a href="/jobs/') == 12
    assert "run from this browser: 12 latest" in page
