"""A person's jobs go along with the export, and go for good with the person."""

import contextlib
import json

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError
from django.test import Client

from accounts import credits, lifecycle
from accounts.models import Category, Entry, Hold, HoldState, User, Wallet
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.models import Job, State
from inference.worker import settlement
from inference.worker.settlement import Done
from tests.conftest import answer_next, make_card, photo_bytes
from tests.support.letters import sign_in
from tests.support.threads import at_once


@pytest.fixture
def card(db: None) -> ModelCard:
    return make_card(est_price_nano_usd_per_image=94_000, image_gflops=162.03, text_gflops=13.3)


@pytest.fixture
def ada(db: None, client: Client) -> User:
    """Signed in with `client`."""
    sign_in(client)
    ada = User.objects.get(email="ada@lab.example")
    credits.grant(ada, amount_micro_usd=1000, category=Category.PURCHASE, reference="purchase:1")
    return ada


def submit(card: ModelCard, user: User, *, is_paid: bool = False) -> Job:
    request = classify.job_request(
        card, [images.check(photo_bytes())], labels=("a cat",), template="a {}", keeps_preview=True
    )
    payer = user if is_paid else None
    return jobs.submit(request, requester=jobs.Requester(user.pk, None), payer=payer)


def files() -> list[str]:
    return [
        name
        for folder in ("pictures", "previews")
        if default_storage.exists(folder)
        for name in default_storage.listdir(folder)[1]
    ]


def test_the_export_holds_the_persons_jobs_and_nobody_elses(
    card: ModelCard, ada: User, client: Client
) -> None:
    own = submit(card, ada)
    answer_next(card)
    other = submit(card, User.objects.create_user("bob@lab.example"))

    text = client.get("/account/data/").content.decode()

    [job] = json.loads(text)["jobs"]
    assert (job["id"], job["card__repo"], job["state"]) == (str(own.pk), card.repo, "succeeded")
    assert job["result"]["rows"][0]["predictions"][0]["label"] == "a cat"
    assert str(other.pk) not in text


@pytest.mark.django_db(transaction=True)
def test_jobs_go_with_the_person_and_their_files_too(card: ModelCard, ada: User) -> None:
    submit(card, ada)
    answer_next(card)
    submit(card, ada)
    other_job = submit(card, User.objects.create_user("bob@lab.example"))
    assert len(files()) > 2

    lifecycle.delete(ada)

    assert list(Job.objects.all()) == [other_job]
    assert {name[:36] for name in files()} == {str(other_job.pk)}


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_what_open_jobs_held_is_free_again(card: ModelCard, ada: User, state: State) -> None:
    wallet = Wallet.objects.get(user=ada)
    submit(card, ada, is_paid=True)
    if state is State.RUNNING:
        claims.claim(card, worker="w", budget=1)

    lifecycle.delete(ada)

    wallet.refresh_from_db()
    assert wallet.held_micro_usd == 0
    assert Hold.objects.get().state == HoldState.RELEASED
    assert not Job.objects.exists()


def test_a_worker_that_comes_too_late_writes_and_charges_nothing(
    card: ModelCard, ada: User
) -> None:
    wallet = Wallet.objects.get(user=ada)
    before = wallet.balance_micro_usd
    submit(card, ada, is_paid=True)
    [job] = claims.claim(card, worker="w", budget=1)

    lifecycle.delete(ada)
    settlement.succeed([Done(job, {"rows": []}, new_texts=1)])

    wallet.refresh_from_db()
    assert (wallet.balance_micro_usd, wallet.held_micro_usd) == (before, 0)
    assert not Entry.objects.filter(kind="capture").exists()


def test_what_was_spent_stays_in_the_ledger(card: ModelCard, ada: User) -> None:
    submit(card, ada, is_paid=True)
    [job] = claims.claim(card, worker="w", budget=1)
    settlement.succeed([Done(job, {"rows": []})])
    lines = Entry.objects.count()

    lifecycle.delete(ada)

    assert Entry.objects.count() == lines


@pytest.mark.django_db(transaction=True)
def test_no_hold_outlives_the_person_whatever_happens_meanwhile(card: ModelCard) -> None:
    for turn in range(6):
        user = User.objects.create_user(f"p{turn}@lab.example")
        credits.grant(
            user, amount_micro_usd=10_000, category=Category.PURCHASE, reference=f"purchase:{turn}"
        )
        for _ in range(3):
            submit(card, user, is_paid=True)
        claimed = claims.claim(card, worker="w", budget=2)

        def act(index: int, user: User = user, claimed: list[Job] = claimed) -> None:
            if index == 0:
                lifecycle.delete(User.objects.get(pk=user.pk))
            elif index == 1:
                settlement.succeed([Done(job, {"rows": []}) for job in claimed])
            else:
                # There is no such person any more, or nothing left of theirs.
                with contextlib.suppress(IntegrityError, credits.NotEnoughCredit):
                    submit(card, user, is_paid=True)

        at_once(act, 4)

    assert not Hold.objects.open().exists()
    assert set(Wallet.objects.values_list("held_micro_usd", flat=True)) == {0}
    assert not Job.objects.exists()
