"""What leaves a result: files for its owner, and a link that ends."""

import csv
import io
import re

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.infrastructure.retention import Budget
from config.access_log import redacted
from inference.jobs import tidy
from inference.models import Job, SharedResult
from tests.inference.playground.conftest import Post, work


def link_of(client: Client, job: Job) -> str:
    client.post(f"/jobs/{job.pk}/share/")
    page = client.get(f"/jobs/{job.pk}/").content.decode()
    found = re.search(r'readonly value="https?://[^/]+(/shared/[^"]+)"', page)
    assert found
    return found[1]


def test_scores_come_as_csv(first: Job, client: Client) -> None:
    response = client.get(f"/jobs/{first.pk}/scores.csv")

    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    predictions = (first.result or {})["rows"][0]["predictions"]
    assert [row["label"] for row in rows] == [each["label"] for each in predictions]
    assert [float(row["score"]) for row in rows] == [each["score"] for each in predictions]
    assert [(row["image"], row["rank"]) for row in rows] == [("1", "1"), ("1", "2")]


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_label_is_no_formula(again: Post, first: Job, client: Client, label: str) -> None:
    again(labels=label)
    work(first.card)
    job = Job.objects.latest("created_at")

    [row] = csv.DictReader(io.StringIO(client.get(f"/jobs/{job.pk}/scores.csv").content.decode()))

    assert row["label"] == f"'{label}"
    assert client.get(f"/jobs/{job.pk}/result.json").json()["data"][0]["prediction"] == label


def test_a_result_comes_as_the_api_writes_it(first: Job, client: Client) -> None:
    answer = client.get(f"/jobs/{first.pk}/result.json").json()

    assert answer["object"] == "list"
    assert answer["data"][0]["predictions"] == (first.result or {})["rows"][0]["predictions"]


@pytest.mark.parametrize("name", ["scores.csv", "result.json"])
def test_files_are_their_owners(again: Post, first: Job, client: Client, name: str) -> None:
    assert Client().get(f"/jobs/{first.pk}/{name}").status_code == 404
    assert client.post(f"/jobs/{first.pk}/{name}").status_code == 405
    again()
    unfinished = Job.objects.latest("created_at")
    assert client.get(f"/jobs/{unfinished.pk}/{name}").status_code == 404


def test_a_link_shows_the_result_to_anybody(first: Job, client: Client) -> None:
    link = link_of(client, first)

    response = Client().get(link)

    page = response.content.decode()
    assert response.status_code == 200
    assert "closest label" in page
    assert "csrfmiddlewaretoken" not in page
    assert f"/jobs/{first.pk}" not in page
    assert Client().get(f"{link}picture.jpg")["Content-Type"] == "image/jpeg"


def test_a_link_stays_out_of_indexes_referrers_caches_and_logs(first: Job, client: Client) -> None:
    link = link_of(client, first)

    for address in (link, f"{link}picture.jpg"):
        response = Client().get(address)

        assert "noindex" in response["X-Robots-Tag"]
        assert response["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response["Cache-Control"]
        assert redacted(address).startswith("/shared/[redacted]")


def test_asking_twice_gives_one_link(first: Job, client: Client) -> None:
    assert link_of(client, first) == link_of(client, first)
    assert SharedResult.objects.count() == 1


def test_a_revoked_link_says_that_it_has_ended(first: Job, client: Client) -> None:
    link = link_of(client, first)

    page = client.post(f"/jobs/{first.pk}/share/revoke/", follow=True).content.decode()

    assert "revoked" in page
    ended = Client().get(link)
    assert ended.status_code == 410
    assert "this link has ended" in ended.content.decode()
    assert Client().get(f"{link}picture.jpg").status_code == 404
    assert link_of(client, first) != link


def test_a_link_ends_with_its_result(first: Job, client: Client) -> None:
    link = link_of(client, first)

    page = client.post(f"/jobs/{first.pk}/forget/", follow=True).content.decode()

    assert "Deleted: the result, its picture" in page
    assert Client().get(link).status_code == 410
    assert not SharedResult.objects.exists()


def test_a_link_ends_with_the_retention(first: Job, client: Client, settings: Settings) -> None:
    link = link_of(client, first)
    settings.PLAYGROUND_KEEP_HOURS = 0

    tidy.tidy(Budget(10))

    assert Client().get(link).status_code == 410


@pytest.mark.parametrize("token", ["x", "00000000000040008000000000000000:forged", "a:b:c"])
def test_a_guessed_link_is_not_found(db: None, token: str) -> None:
    assert Client().get(f"/shared/{token}/").status_code == 404
    assert Client().get(f"/shared/{token}/picture.jpg").status_code == 404


@pytest.mark.parametrize("verb", ["share", "share/revoke"])
def test_a_stranger_neither_shares_nor_revokes(first: Job, client: Client, verb: str) -> None:
    link = link_of(client, first)

    assert Client().post(f"/jobs/{first.pk}/{verb}/").status_code == 404
    assert client.get(f"/jobs/{first.pk}/{verb}/").status_code == 405
    assert Client().get(link).status_code == 200


def test_only_a_result_is_shared(again: Post, client: Client) -> None:
    again()
    job = Job.objects.latest("created_at")

    assert client.post(f"/jobs/{job.pk}/share/").status_code == 404


def test_a_shared_page_only_takes_reads(first: Job, client: Client) -> None:
    assert Client().post(link_of(client, first)).status_code == 405
