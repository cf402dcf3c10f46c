"""Credit moves by the book, however often and however many ask at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import credits
from accounts.credits import Outcome
from accounts.models import Category, Entry, EntryKind, Grant, Hold, HoldState, User, Wallet
from catalog import email_addresses
from tests.support.threads import at_once

Give = Callable[..., Grant]


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob@lab.example")


def give(user: User, amount: int = 100, *, reference: str = "gift", **fields: object) -> Grant:
    values = {"category": Category.PROMOTION, "amount_micro_usd": amount} | fields
    return credits.grant(user, reference=reference, **values)  # type: ignore[arg-type]


def hold(user: User, amount: int, reference: str = "job:1", **fields: object) -> Hold:
    return credits.hold(user, amount_micro_usd=amount, reference=reference, **fields)  # type: ignore[arg-type]


def run_out(grant: Grant) -> None:
    """Let a grant's time end now, on the database's clock."""
    Grant.objects.filter(pk=grant.pk).update(expires_at=Now())


def sums(user: User) -> tuple[int, int]:
    wallet = Wallet.objects.get(user=user)
    return wallet.balance_micro_usd, wallet.held_micro_usd


def remaining(*grants: Grant) -> list[int]:
    for grant in grants:
        grant.refresh_from_db()
    return [grant.remaining_micro_usd for grant in grants]


# --- grants -------------------------------------------------------------------------------------


def test_a_grant_is_credit(ada: User) -> None:
    give(ada, 100)

    balance = credits.balance_of(ada)
    assert (balance.available, balance.held, balance.settled) == (100, 0, 100)


def test_a_person_without_a_wallet_has_nothing(ada: User) -> None:
    assert credits.balance_of(ada).available == 0
    assert not Wallet.objects.exists()


def test_a_repeated_grant_gives_the_first(ada: User) -> None:
    first, again = give(ada, 100), give(ada, 999)

    assert (first.pk, again.amount_micro_usd) == (again.pk, 100)
    assert sums(ada) == (100, 0)


def test_a_reference_belongs_to_one_wallet(ada: User, bob: User) -> None:
    give(ada)
    hold(ada, 10)

    with pytest.raises(credits.ReferenceTaken):
        give(bob)
    give(bob, reference="other")
    with pytest.raises(credits.ReferenceTaken):
        hold(bob, 10)
    assert sums(bob) == (100, 0)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_grant_of_nothing_is_refused(ada: User, amount: int) -> None:
    with pytest.raises(ValueError, match="a grant of"):
        give(ada, amount)


# --- mailboxes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "mailbox"),
    [
        ("A.da+news@Gmail.com", "ada@gmail.com"),
        ("ada+x@outlook.com", "ada@outlook.com"),
        ("a.da@outlook.com", "a.da@outlook.com"),
        ("ada@me.com", "ada@icloud.com"),
        ("Ada+news@lab.example", "ada+news@lab.example"),
    ],
)
def test_mailboxes_are_told_apart_as_their_hosts_do(email: str, mailbox: str) -> None:
    assert email_addresses.mailbox_of(email) == mailbox


def test_a_fingerprint_does_not_hold_the_address() -> None:
    assert "ada" not in email_addresses.fingerprint("ada@lab.example")
    assert len(email_addresses.fingerprint("ada@lab.example")) == 64


def test_the_ledger_survives_the_person(ada: User) -> None:
    give(ada)
    hold(ada, 40)

    ada.delete()

    wallet = Wallet.objects.get()
    assert (wallet.user, wallet.balance_micro_usd, wallet.entries.count()) == (None, 100, 2)
    assert credits.capture("job:1") is Outcome.DONE


# --- hold, capture, release ---------------------------------------------------------------------


def test_a_hold_sets_credit_aside(ada: User) -> None:
    give(ada, 100)

    hold(ada, 30)

    assert sums(ada) == (100, 30)
    assert credits.balance_of(ada).available == 70


def test_a_hold_may_take_the_last_of_it_and_no_more(ada: User) -> None:
    give(ada, 100)
    hold(ada, 100)

    with pytest.raises(credits.NotEnoughCredit) as refusal:
        hold(ada, 1, "job:2")

    assert (refusal.value.available, refusal.value.wanted) == (0, 1)
    assert Hold.objects.count() == 1


def test_a_free_hold_needs_no_credit(ada: User) -> None:
    hold(ada, 0)

    assert credits.capture("job:1") is Outcome.DONE
    assert sums(ada) == (0, 0)


def test_a_negative_hold_is_refused(ada: User) -> None:
    with pytest.raises(ValueError, match="a hold of -1"):
        hold(ada, -1)


def test_a_repeated_hold_is_the_first_even_when_nothing_is_left(ada: User) -> None:
    give(ada, 100)

    assert hold(ada, 100) == hold(ada, 100)
    assert sums(ada) == (100, 100)


def test_a_capture_spends_what_was_held(ada: User) -> None:
    give(ada, 100)
    hold(ada, 30)

    assert credits.capture("job:1") is Outcome.DONE
    assert credits.capture("job:1") is Outcome.ALREADY
    assert sums(ada) == (70, 0)


@pytest.mark.parametrize(("amount", "spent"), [(0, 0), (10, 10), (30, 30), (31, 30)])
def test_a_capture_takes_at_most_what_was_held_and_frees_the_rest(
    ada: User, amount: int, spent: int
) -> None:
    give(ada, 100)
    hold(ada, 30)

    credits.capture("job:1", amount_micro_usd=amount)

    assert sums(ada) == (100 - spent, 0)
    assert Hold.objects.get().captured_micro_usd == spent


def test_a_negative_capture_mints_nothing(ada: User) -> None:
    give(ada, 100)
    hold(ada, 30)

    with pytest.raises(ValueError, match="less than nothing"):
        credits.capture("job:1", amount_micro_usd=-1)
    assert sums(ada) == (100, 30)


def test_a_release_gives_back(ada: User) -> None:
    give(ada, 100)
    hold(ada, 30)

    assert credits.release("job:1") is Outcome.DONE
    assert credits.release("job:1") is Outcome.ALREADY
    assert sums(ada) == (100, 0)


def test_a_hold_ends_once(ada: User) -> None:
    give(ada, 100)
    hold(ada, 30, "a")
    hold(ada, 30, "b")
    credits.capture("a")
    credits.release("b")

    assert credits.release("a") is Outcome.TOO_LATE
    assert credits.capture("b") is Outcome.TOO_LATE
    assert credits.capture("c") is Outcome.UNKNOWN
    assert sums(ada) == (70, 0)


def test_a_batch_tells_what_became_of_each(ada: User, bob: User) -> None:
    for user in (ada, bob):
        give(user, 100, reference=f"gift:{user.pk}")
        hold(user, 10, f"job:{user.email}")
    hold(ada, 10, "released")
    credits.release("released")

    outcomes = credits.capture_many(
        ["job:ada@lab.example", "job:bob@lab.example", "released", "unknown"],
        amounts_micro_usd={"job:bob@lab.example": 4},
    )

    assert list(outcomes.values()) == [
        Outcome.DONE,
        Outcome.DONE,
        Outcome.TOO_LATE,
        Outcome.UNKNOWN,
    ]
    assert (sums(ada), sums(bob)) == ((90, 0), (96, 0))


def test_a_batch_of_64_takes_few_queries(ada: User, bob: User) -> None:
    for user in (ada, bob):
        give(user, 100, reference=f"gift:{user.pk}")
        for number in range(32):
            hold(user, 1, f"job:{user.pk}:{number}")
    references = list(Hold.objects.values_list("reference", flat=True))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        credits.capture_many(references)

    statements = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) == 4
    assert (sums(ada), sums(bob)) == ((68, 0), (68, 0))


# --- which grant pays ---------------------------------------------------------------------------


def in_days(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def test_gifts_go_before_purchases_then_the_soonest_end_then_age(ada: User) -> None:
    bought = give(ada, 10, reference="bought", category=Category.PURCHASE, expires_at=in_days(1))
    lasting = give(ada, 10, reference="lasting")
    late = give(ada, 10, reference="late", expires_at=in_days(9))
    soon = give(ada, 10, reference="soon", expires_at=in_days(2))
    twin = give(ada, 10, reference="twin", expires_at=soon.expires_at)
    in_order = [soon, twin, late, lasting, bought]
    hold(ada, 35)

    credits.capture("job:1")

    assert remaining(*in_order) == [0, 0, 0, 5, 10]
    assert list(credits.balance_of(ada).grants) == [lasting, bought]


def test_a_stated_priority_goes_before_the_category(ada: User) -> None:
    gift, first = give(ada, 10), give(ada, 10, reference="first", priority=1)
    hold(ada, 10)

    credits.capture("job:1")

    assert remaining(gift, first) == [10, 0]


# --- what runs out ------------------------------------------------------------------------------


def test_credit_that_has_run_out_cannot_be_spent_even_before_the_sweep(ada: User) -> None:
    run_out(give(ada, 100))
    give(ada, 10, reference="good")

    assert credits.balance_of(ada).available == 10
    with pytest.raises(credits.NotEnoughCredit) as refusal:
        hold(ada, 11)
    assert refusal.value.available == 10
    hold(ada, 10)


def test_the_sweep_takes_back_what_is_left_once(ada: User) -> None:
    run_out(give(ada, 100))

    assert credits.expire_due(timezone.now()) == 100
    assert credits.expire_due(timezone.now()) == 0
    assert sums(ada) == (0, 0)
    assert Entry.objects.get(kind=EntryKind.EXPIRE).balance_effect_micro_usd == -100


def test_the_sweep_leaves_good_credit_alone(ada: User) -> None:
    give(ada, 100, expires_at=in_days(1))

    assert credits.expire_due(timezone.now()) == 0
    assert credits.expire_due(in_days(2)) == 100


@pytest.mark.django_db(transaction=True)
def test_credit_that_was_held_when_it_ran_out_still_pays() -> None:
    ada = User.objects.create_user("ada@lab.example")
    ending, good = give(ada, 60), give(ada, 40, reference="good")
    hold(ada, 50)
    run_out(ending)

    assert credits.expire_due(timezone.now()) == 10
    assert credits.balance_of(ada).available == 40
    credits.capture("job:1")

    assert remaining(ending, good) == [0, 40]
    assert sums(ada) == (40, 0)


@pytest.mark.django_db(transaction=True)
def test_credit_that_ran_out_and_is_released_is_gone() -> None:
    ada = User.objects.create_user("ada@lab.example")
    ending = give(ada, 60)
    give(ada, 40, reference="good")
    hold(ada, 50, "before")
    run_out(ending)
    hold(ada, 40, "after")
    credits.release("before")

    assert credits.balance_of(ada).available == 0
    assert credits.expire_due(timezone.now()) == 50
    assert sums(ada) == (40, 40)


@pytest.mark.django_db(transaction=True)
def test_a_hold_whose_time_has_come_is_released() -> None:
    ada = User.objects.create_user("ada@lab.example")
    give(ada, 100)
    hold(ada, 30, expires_at=timezone.now() + timedelta(hours=1))

    credits.expire_due(timezone.now())
    assert sums(ada) == (100, 30)
    credits.expire_due(timezone.now() + timedelta(hours=2))
    assert sums(ada) == (100, 0)
    assert credits.capture("job:1") is Outcome.TOO_LATE


def test_a_voided_grant_is_taken_back_once(ada: User) -> None:
    give(ada, 100)

    assert credits.void("gift")
    assert not credits.void("gift")
    assert not credits.void("unknown")
    assert sums(ada) == (0, 0)
    assert Entry.objects.filter(kind=EntryKind.ADJUST).count() == 1


# --- what the database refuses ------------------------------------------------------------------


def test_an_entry_cannot_be_changed_or_deleted(ada: User) -> None:
    give(ada)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Entry.objects.update(note="changed")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Entry.objects.all().delete()


@pytest.mark.parametrize(
    "change", [{"held_micro_usd": 101}, {"held_micro_usd": -1}, {"balance_micro_usd": -1}]
)
def test_a_wallet_cannot_be_overdrawn_by_hand(ada: User, change: dict[str, int]) -> None:
    give(ada, 100)

    with pytest.raises(IntegrityError), transaction.atomic():
        Wallet.objects.update(**change)


def test_a_hold_cannot_capture_more_than_it_held_by_hand(ada: User) -> None:
    give(ada, 100)
    hold(ada, 30)
    credits.capture("job:1")

    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.update(captured_micro_usd=31)


# --- races --------------------------------------------------------------------------------------


@pytest.fixture
def racer(transactional_db: None) -> User:
    return User.objects.create_user("racer@lab.example")


def test_of_500_spends_of_the_last_credit_one_gets_through(racer: User) -> None:
    give(racer, 94)

    def spend(thread: int) -> int:
        held = 0
        for attempt in range(50):
            try:
                hold(racer, 94, f"job:{thread}:{attempt}")
                held += 1
            except credits.NotEnoughCredit:
                pass
        return held

    assert sum(at_once(spend, 10)) == 1  # the pool has 12 connections
    assert sums(racer) == (94, 94)
    assert Entry.objects.filter(kind=EntryKind.HOLD).count() == 1


def test_the_same_hold_asked_for_ten_times_at_once_is_one(racer: User) -> None:
    give(racer, 100)

    held = at_once(lambda _: hold(racer, 40).pk, 10)

    assert len(set(held)) == 1
    assert sums(racer) == (100, 40)


def test_capture_against_release_ends_each_hold_once(racer: User) -> None:
    give(racer, 100)
    for number in range(40):
        hold(racer, 1, f"job:{number}")

    def end(thread: int) -> list[Outcome]:
        verb = credits.capture if thread % 2 else credits.release
        return [verb(f"job:{(number + thread * 3) % 40}") for number in range(40)]

    outcomes = [outcome for ended in at_once(end, 6) for outcome in ended]

    captured = Hold.objects.filter(state=HoldState.CAPTURED).count()
    assert outcomes.count(Outcome.DONE) == 40
    assert sums(racer) == (100 - captured, 0)


def test_overlapping_batches_of_many_wallets_do_not_lock_each_other_out(racer: User) -> None:
    people = [User.objects.create_user(f"{n}@lab.example") for n in range(6)]
    for user in people:
        give(user, 100, reference=f"gift:{user.pk}")
        for number in range(8):
            hold(user, 1, f"job:{user.pk}:{number}")
    references = list(Hold.objects.order_by("?").values_list("reference", flat=True))

    def settle(thread: int) -> int:
        mine = references[thread * 6 :] + references[: thread * 6]
        return list(credits.capture_many(mine).values()).count(Outcome.DONE)

    assert sum(at_once(settle, 8)) == 48
    assert {sums(user) for user in people} == {(92, 0)}


def test_two_first_needs_of_a_wallet_make_one(racer: User) -> None:
    assert len(set(at_once(lambda _: credits.wallet_of(racer).pk, 8))) == 1


def test_sweeps_at_once_take_back_once(racer: User) -> None:
    run_out(give(racer, 100))

    assert sum(at_once(lambda _: credits.expire_due(timezone.now()), 6)) == 100


def test_holds_against_the_sweep_never_overdraw(racer: User) -> None:
    ending = give(racer, 50)
    give(racer, 50, reference="good")

    def act(thread: int) -> int:
        if thread == 0:
            run_out(ending)
            credits.expire_due(timezone.now())
            return 0
        held = 0
        for attempt in range(20):
            try:
                hold(racer, 2, f"job:{thread}:{attempt}")
                held += 2
            except credits.NotEnoughCredit:
                pass
        return held

    held = sum(at_once(act, 8))

    balance, promised = sums(racer)
    assert held == promised <= balance
    assert 50 <= balance <= 100
