"""The pages of batches: progress, results, and each batch its owner's alone."""

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from accounts import erasure
from accounts.models import Hold, HoldState, User
from catalog.infrastructure.retention import Budget
from inference.api.batches import advance
from inference.models import ApiFile, Batch, Job
from tests.inference.api.batches.conftest import Runner
from tests.inference.api.conftest import Api, money


@pytest.fixture
def owner(api: Api) -> Client:
    client = Client()
    client.force_login(api.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def stranger(api: Api) -> Client:
    client = Client()
    bob = User.objects.create_user("bob@lab.example")
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_batch_shows_its_progress_and_then_its_files(
    api: Api, runner: Runner, owner: Client
) -> None:
    api.worker.pause()
    batch = runner.start(runner.texts(["a cat", "a dog"]))
    advance.advance(Budget(5))
    row = Batch.objects.get()
    page = owner.get(reverse("batch", args=[row.pk])).content.decode()
    assert "0 of 2 lines answered" in page
    api.worker.resume()
    runner.finish(batch.id)

    page = owner.get(reverse("batch", args=[row.pk])).content.decode()
    assert "2 of 2 lines answered" in page
    assert "download the results" in page
    assert "$0.000008" in page
    output = owner.get(reverse("batch-file", args=[row.pk, "output"]))
    assert len(b"".join(output).splitlines()) == 2
    assert owner.get(reverse("batch-file", args=[row.pk, "errors"])).status_code == 404
    assert "2 of 2" in owner.get(reverse("batches")).content.decode()


def test_a_file_that_could_not_be_run_says_which_lines(runner: Runner, owner: Client) -> None:
    runner.run(b"{}\n")

    page = owner.get(reverse("batch", args=[Batch.objects.get().pk])).content.decode()

    assert "Line 1: `custom_id`: Field required." in page


def test_a_batch_is_canceled_on_its_page(api: Api, runner: Runner, owner: Client) -> None:
    api.worker.pause()
    runner.start(runner.texts(["a cat"]))
    advance.advance(Budget(5))
    address = reverse("batch-cancel", args=[Batch.objects.get().pk])

    assert owner.get(address).status_code == 405
    owner.post(address)
    advance.advance(Budget(5))

    assert Batch.objects.get().status == "cancelled"
    assert money(api.user)[1] == 0


def test_others_batches_do_not_exist(runner: Runner, stranger: Client) -> None:
    runner.run(runner.texts(["a cat"]))
    row = Batch.objects.get()

    for address in (
        reverse("batch", args=[row.pk]),
        reverse("batch-file", args=[row.pk, "output"]),
    ):
        assert stranger.get(address).status_code == 404
        assert Client().get(address).status_code == 302
    assert stranger.post(reverse("batch-cancel", args=[row.pk])).status_code == 404
    assert row.input_name not in stranger.get(reverse("batches")).content.decode()


def test_a_person_takes_batches_along_and_they_go_with_the_person(api: Api, runner: Runner) -> None:
    runner.run(runner.texts(["a cat"]))
    api.worker.pause()
    runner.start(runner.texts([f"text {number}" for number in range(250)]))
    advance.advance(Budget(5))
    exported: list[dict[str, Any]] = [section.export(api.user) for section in erasure.sections()]
    [data] = [section for section in exported if "batches" in section]
    assert len(data["batches"]) == 2
    assert len(data["files"]) == 3

    erasure.request(api.user)
    while not erasure.run(api.user.pk, Budget(10)):
        pass

    assert not User.objects.filter(pk=api.user.pk).exists()
    assert [model.objects.count() for model in (Batch, ApiFile, Job)] == [0, 0, 0]
    assert default_storage.listdir("files")[1] == []
    assert not Hold.objects.filter(state=HoldState.OPEN).exists()
