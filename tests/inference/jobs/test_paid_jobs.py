"""Only a delivered success is captured; whatever else becomes of a job releases its hold."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from accounts import credits
from accounts.models import Category, Entry, Hold, HoldState, User
from catalog.models import ModelCard
from inference import images as pictures
from inference import jobs
from inference.jobs import claims, sweep
from inference.kinds.classify import request as classify
from inference.models import ErrorCode, Job, State
from inference.worker import decode, settlement
from inference.worker.texts.cache import JobTexts, TextCache
from tests.conftest import FROZEN, make_card, photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.batches import settle_all, settle_parts
from tests.support.threads import at_once

GRANTED = 1000


@pytest.fixture
def card(db: None) -> ModelCard:
    """94 µ$ an image, 8 µ$ a new label."""
    return make_card(**FROZEN)


@pytest.fixture
def payer(db: None) -> User:
    user = User.objects.create_user("ada@lab.example")
    credits.grant(
        user, amount_micro_usd=GRANTED, category=Category.PURCHASE, reference="purchase:1"
    )
    return user


@pytest.fixture
def submit(card: ModelCard, payer: User) -> Callable[..., Job]:
    def submit_one(*, images: int = 1, labels: tuple[str, ...] = ("a cat", "a dog")) -> Job:
        picture = pictures.check(photo_bytes())
        request = classify.job_request(
            card, [picture] * images, labels=labels, template="a photo of {}"
        )
        return jobs.submit(request, requester=jobs.Requester(payer.pk, None), payer=payer)

    return submit_one


Submit = Callable[..., Job]


def money(user: User) -> tuple[int, int]:
    """What is available, and what is held."""
    balance = credits.balance_of(user)
    return balance.available, balance.held


def run_next(card: ModelCard) -> None:
    encoder = HashEncoder()
    batch = claims.claim(card, worker="w", budget=64)
    settle_all(TextCache(encoder), encoder, batch)


def test_submitting_holds_the_most_a_job_may_cost(submit: Submit, payer: User) -> None:
    submit(images=2)

    assert money(payer) == (GRANTED - 2 * 94 - 2 * 8, 2 * 94 + 2 * 8)


def test_a_success_is_captured_and_known_labels_cost_nothing(
    submit: Submit, payer: User, card: ModelCard
) -> None:
    submit()
    run_next(card)
    after_first = money(payer)
    submit()
    run_next(card)

    first, second = Job.objects.in_queue_order()
    assert (first.cost_micro_usd, second.cost_micro_usd) == (94 + 2 * 8, 94)
    assert after_first == (GRANTED - 110, 0)
    assert money(payer) == (GRANTED - 110 - 94, 0)


def test_the_ledger_says_for_which_model_a_job_was(
    submit: Submit, payer: User, card: ModelCard
) -> None:
    submit()
    run_next(card)

    lines = Entry.objects.filter(wallet__user=payer).order_by("pk")
    assert list(lines.values_list("kind", "model")) == [
        ("grant", ""),
        ("hold", card.repo),
        ("capture", card.repo),
    ]


def test_mates_of_a_batch_pay_for_a_new_label_once(
    submit: Submit, payer: User, card: ModelCard
) -> None:
    submit(), submit()

    run_next(card)

    assert sorted(job.cost_micro_usd or 0 for job in Job.objects.all()) == [94, 94 + 2 * 8]


def test_a_job_that_costs_too_much_is_not_queued(submit: Submit, payer: User) -> None:
    with pytest.raises(credits.NotEnoughCredit):
        submit(images=11)

    assert not Job.objects.exists()
    assert money(payer) == (GRANTED, 0)
    assert not default_storage.exists("pictures") or not default_storage.listdir("pictures")[1]


def test_a_failure_costs_nothing(submit: Submit, payer: User, card: ModelCard) -> None:
    submit()
    [job] = claims.claim(card, worker="w", budget=1)

    settlement.fail(job, ErrorCode.INVALID_IMAGE)

    assert money(payer) == (GRANTED, 0)


def test_cancelling_costs_nothing(submit: Submit, payer: User) -> None:
    jobs.cancel(submit())

    assert money(payer) == (GRANTED, 0)


@pytest.mark.parametrize(
    "end",
    [
        {"deadline_at": Now() - timedelta(seconds=1)},
        {
            "state": State.RUNNING,
            "attempt": claims.MAX_ATTEMPTS,
            "lease_token": "12345678123456781234567812345678",
            "lease_until": Now() - timedelta(seconds=1),
        },
    ],
    ids=["too late", "crashed three times"],
)
def test_what_the_sweep_ends_costs_nothing(
    submit: Submit, payer: User, end: dict[str, object]
) -> None:
    submit()
    Job.objects.update(**end)

    sweep.sweep()

    assert Job.objects.get().state == State.FAILED
    assert money(payer) == (GRANTED, 0)


def test_a_stale_worker_charges_nothing(submit: Submit, payer: User, card: ModelCard) -> None:
    submit()
    encoder = HashEncoder()
    stale = claims.claim(card, worker="stale", budget=1)
    Job.objects.update(**claims.UNCLAIMED)
    claims.claim(card, worker="fresh", budget=1)

    settle_all(TextCache(encoder), encoder, stale)

    assert Job.objects.get().state == State.RUNNING
    assert money(payer) == (GRANTED - 110, 110)


@pytest.mark.django_db(transaction=True)
def test_a_job_is_charged_or_cancelled_never_both(
    submit: Submit, payer: User, card: ModelCard
) -> None:
    encoder = HashEncoder()
    memory = TextCache(encoder)
    labels = ["a photo of a cat", "a photo of a dog"]
    memory.read([JobTexts(f"user:{payer.pk}", is_paid=True, texts=labels)])

    def race(job: Job) -> None:
        ready = decode.make_ready(encoder, claims.claim(card, worker="w", budget=1))
        ends: list[Callable[[], object]] = [
            lambda: jobs.cancel(job),
            lambda: settle_parts(memory, ready),
        ]
        at_once(lambda index: ends[index](), len(ends))

    for _ in range(8):
        race(submit())

    states = list(Job.objects.values_list("state", flat=True))
    charged = sum(job.cost_micro_usd or 0 for job in Job.objects.all())
    assert charged == 94 * states.count(State.SUCCEEDED)
    assert money(payer) == (GRANTED - charged, 0)


@pytest.mark.django_db(transaction=True)
def test_two_batches_settle_at_once_without_a_deadlock(card: ModelCard) -> None:
    people = [User.objects.create_user(f"p{n}@lab.example") for n in range(3)]
    for person in people:
        credits.grant(
            person,
            amount_micro_usd=10**6,
            category=Category.PURCHASE,
            reference=f"purchase:{person.pk}",
        )
    picture = pictures.check(photo_bytes())
    for turn in range(12):
        for person in people if turn % 2 else reversed(people):
            request = classify.job_request(card, [picture], labels=["a"], template="{}")
            jobs.submit(request, requester=jobs.Requester(person.pk, None), payer=person)

    def work(index: int) -> None:
        encoder = HashEncoder()
        while batch := claims.claim(card, worker=str(index), budget=5):
            settle_all(TextCache(encoder), encoder, batch)

    at_once(work, 4)

    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}
    assert all(credits.balance_of(person).held == 0 for person in people)


def test_the_hold_names_the_job(submit: Submit) -> None:
    job = submit()

    assert Hold.objects.get(reference=job.hold_reference).state == HoldState.OPEN


def test_a_price_that_was_withdrawn_meanwhile_makes_nothing_free(
    submit: Submit, card: ModelCard, payer: User
) -> None:
    card.launch_price_nano_usd_per_image = card.launch_price_nano_usd_per_text = None

    with pytest.raises(jobs.NotPriced):
        submit()

    assert not Job.objects.exists()
    assert money(payer) == (GRANTED, 0)
