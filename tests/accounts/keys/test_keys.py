"""API keys: shown once, known by their hash, ended at once, and never past their limit."""

import io
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import credits, keys
from accounts.models import ApiKey, Category, Hold, User
from tests.support.threads import at_once


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(ada, amount_micro_usd=1000, category=Category.PROMOTION, reference="gift")
    return ada


def hold(key: ApiKey, amount: int, reference: str = "job:1") -> Hold:
    return credits.hold(key.user, amount_micro_usd=amount, reference=reference, key=key)


# --- the secret ---------------------------------------------------------------------------------


def test_a_secret_is_found_and_not_stored(ada: User) -> None:
    key, secret = keys.issue(ada, name="laptop")

    assert keys.find(secret) == key
    assert secret.startswith("gr_live_")
    assert len(secret) == 8 + 43 + 6
    stored = ApiKey.objects.values().get()
    assert not any(secret[12:-4] in str(value) for value in stored.values())
    assert (stored["prefix"], stored["last4"]) == (secret[:12], secret[-4:])


def test_two_secrets_differ(ada: User) -> None:
    assert keys.issue(ada, name="a")[1] != keys.issue(ada, name="b")[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:-1],
        lambda secret: secret + "0",
        lambda secret: secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:],
        lambda secret: (
            secret[:20] + secret[21] + secret[20] + secret[22:] if secret[20] != secret[21] else ""
        ),
        lambda secret: secret.replace("gr_live_", "gr_test_"),
        lambda secret: f" {secret}",
        lambda secret: secret + "\n",
        lambda secret: secret[:-1] + "é",
        lambda _: "",
    ],
)
def test_a_mistyped_secret_costs_no_query(
    ada: User, spoil: Callable[[str], str], django_assert_num_queries: Callable[..., object]
) -> None:
    _, secret = keys.issue(ada, name="laptop")

    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert keys.find(spoil(secret)) is None


def test_an_unknown_secret_is_nobodys(ada: User) -> None:
    _, secret = keys.issue(ada, name="laptop")
    ApiKey.objects.all().delete()

    assert keys.find(secret) is None


def test_a_use_is_noted_at_most_once_a_minute(
    ada: User, django_assert_num_queries: Callable[..., object]
) -> None:
    _, secret = keys.issue(ada, name="laptop")
    keys.find(secret)
    first = ApiKey.objects.get().last_used_at

    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        keys.find(secret)
    assert first
    assert ApiKey.objects.get().last_used_at == first

    long_ago = first - timedelta(minutes=2)
    ApiKey.objects.update(last_used_at=long_ago)
    keys.find(secret)
    used_at = ApiKey.objects.get().last_used_at
    assert used_at
    assert used_at > long_ago


# --- its end ------------------------------------------------------------------------------------


def test_a_revoked_key_is_not_found(ada: User) -> None:
    key, secret = keys.issue(ada, name="laptop")

    assert keys.revoke(key)
    assert not keys.revoke(key)
    assert keys.find(secret) is None


def test_a_key_is_found_until_it_expires(ada: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    key, secret = keys.issue(ada, name="laptop", expires_at=soon)
    assert keys.find(secret) == key

    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert keys.find(secret) is None


def test_the_key_of_a_blocked_person_is_not_found(ada: User) -> None:
    _, secret = keys.issue(ada, name="laptop")
    User.objects.update(is_active=False)

    assert keys.find(secret) is None


def test_a_key_goes_with_its_person_and_the_money_stays(ada: User) -> None:
    key, secret = keys.issue(ada, name="laptop")
    hold(key, 10)

    ada.delete()

    assert keys.find(secret) is None
    assert Hold.objects.get().key is None
    assert credits.capture("job:1") is credits.Outcome.DONE


# --- its limit ----------------------------------------------------------------------------------


def test_a_key_spends_up_to_its_limit(ada: User) -> None:
    key, _ = keys.issue(ada, name="laptop", limit_micro_usd=100)
    hold(key, 60, "job:1")
    hold(key, 40, "job:2")

    with pytest.raises(credits.KeyLimitReached) as refusal:
        hold(key, 1, "job:3")

    assert (refusal.value.left, refusal.value.wanted) == (0, 1)
    assert credits.balance_of(ada).held == 100


def test_what_is_released_may_be_spent_again_what_is_captured_not(ada: User) -> None:
    key, _ = keys.issue(ada, name="laptop", limit_micro_usd=100)
    hold(key, 60, "job:1")
    hold(key, 40, "job:2")
    credits.capture("job:1", amount_micro_usd=50)
    credits.release("job:2")

    key.refresh_from_db()
    assert (key.spent_micro_usd, key.held_micro_usd, key.left_micro_usd) == (50, 0, 50)
    hold(key, 50, "job:3")


def test_a_key_without_a_limit_still_counts(ada: User) -> None:
    key, _ = keys.issue(ada, name="laptop")
    hold(key, 60)
    credits.capture("job:1")

    key.refresh_from_db()
    assert (key.spent_micro_usd, key.left_micro_usd) == (60, None)


def test_an_empty_wallet_stops_a_key_before_its_limit(ada: User) -> None:
    key, _ = keys.issue(ada, name="laptop", limit_micro_usd=10_000)

    with pytest.raises(credits.NotEnoughCredit):
        hold(key, 1001)
    key.refresh_from_db()
    assert key.held_micro_usd == 0


def test_a_key_that_has_ended_holds_nothing_but_ends_what_it_held(ada: User) -> None:
    key, _ = keys.issue(ada, name="laptop")
    hold(key, 60)
    keys.revoke(key)

    with pytest.raises(credits.KeyEnded):
        hold(key, 1, "job:2")
    assert credits.capture("job:1") is credits.Outcome.DONE


def test_somebody_elses_key_cannot_spend_my_credit(ada: User) -> None:
    key, _ = keys.issue(User.objects.create_user("bob@lab.example"), name="laptop")

    with pytest.raises(ValueError, match="by key"):
        credits.hold(ada, amount_micro_usd=1, reference="job:1", key=key)


def test_a_limit_cannot_be_passed_by_hand(ada: User) -> None:
    keys.issue(ada, name="laptop", limit_micro_usd=100)

    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.update(spent_micro_usd=101)


# --- how many -----------------------------------------------------------------------------------


def test_twenty_living_keys_are_the_most(ada: User) -> None:
    made = [keys.issue(ada, name=str(number))[0] for number in range(20)]

    with pytest.raises(keys.TooManyKeys, match="20 active keys"):
        keys.issue(ada, name="one more")
    keys.revoke(made[0])
    keys.issue(ada, name="instead")


def test_an_idempotency_key_makes_one_key_however_often_it_is_sent(ada: User) -> None:
    first, again = (keys.issue(ada, name="laptop", idempotency_key="t") for _ in range(2))

    assert first == again
    assert ApiKey.objects.count() == 1


def test_a_double_click_on_the_last_free_place_shows_the_key(ada: User) -> None:
    for number in range(19):
        keys.issue(ada, name=str(number))

    assert keys.issue(ada, name="last", idempotency_key="t") == keys.issue(
        ada, name="last", idempotency_key="t"
    )


def test_an_idempotency_key_means_nothing_to_another_person(ada: User) -> None:
    bob = User.objects.create_user("bob@lab.example")

    assert (
        keys.issue(ada, name="a", idempotency_key="t")[1]
        != keys.issue(bob, name="b", idempotency_key="t")[1]
    )


@pytest.mark.parametrize(
    "later", [{"created_at": timedelta(minutes=2)}, {"revoked_at": timedelta()}]
)
def test_a_form_sent_again_later_shows_no_secret(ada: User, later: dict[str, timedelta]) -> None:
    keys.issue(ada, name="laptop", idempotency_key="t")
    ApiKey.objects.update(**{field: timezone.now() - age for field, age in later.items()})

    with pytest.raises(keys.AlreadyShown):
        keys.issue(ada, name="laptop", idempotency_key="t")


# --- races --------------------------------------------------------------------------------------


@pytest.fixture
def racer(transactional_db: None) -> User:
    racer = User.objects.create_user("racer@lab.example")
    credits.grant(racer, amount_micro_usd=1000, category=Category.PROMOTION, reference="gift")
    return racer


def test_two_keys_at_once_cannot_both_be_the_twentieth(racer: User) -> None:
    for number in range(18):
        keys.issue(racer, name=str(number))

    def make(number: int) -> bool:
        try:
            keys.issue(racer, name=f"racing {number}")
        except keys.TooManyKeys:
            return False
        return True

    assert sum(at_once(make, 10)) == 2


def test_a_double_click_makes_one_key_and_one_secret(racer: User) -> None:
    made = at_once(lambda _: keys.issue(racer, name="laptop", idempotency_key="t"), 8)

    assert len(set(made)) == 1
    assert ApiKey.objects.count() == 1


def test_a_limit_holds_against_many_at_once(racer: User) -> None:
    key, _ = keys.issue(racer, name="laptop", limit_micro_usd=100)

    def spend(thread: int) -> int:
        held = 0
        for attempt in range(10):
            with suppress(credits.KeyLimitReached):
                held += hold(key, 7, f"job:{thread}:{attempt}").amount_micro_usd
        return held

    assert sum(at_once(spend, 10)) == 98
    key.refresh_from_db()
    assert key.held_micro_usd == 98


def test_after_a_revocation_nothing_new_is_held(racer: User) -> None:
    key, secret = keys.issue(racer, name="laptop")

    def act(thread: int) -> None:
        if thread == 0:
            keys.revoke(key)
            return
        for attempt in range(20):
            current = keys.find(secret)
            if current is None:
                return
            try:
                hold(current, 1, f"job:{thread}:{attempt}")
            except credits.KeyEnded:
                assert keys.find(secret) is None

    at_once(act, 8)

    with pytest.raises(credits.KeyEnded):
        hold(key, 1, "job:after")
    key.refresh_from_db()
    assert key.held_micro_usd == Hold.objects.count() == credits.balance_of(racer).held


# --- from the command line ----------------------------------------------------------------------


def issue_key(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("issue_key", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_prints_the_key_on_its_last_line(ada: User) -> None:
    [secret] = issue_key("ADA@lab.example", "--name", "build server")

    key = keys.find(secret)
    assert key
    assert (key.user, key.name) == (ada, "build server")


def test_the_command_makes_a_person_and_gives_credit(db: None) -> None:
    said = issue_key("new@lab.example", "--grant-usd", "0.50")

    key = keys.find(said[-1])
    assert key
    assert said[:-1] == ["new person: new@lab.example", "granted 500000 µ$"]
    assert credits.balance_of(key.user).available == 500_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["nobody"],
        ["ada@lab.example", "--grant-usd", "much"],
        ["ada@lab.example", "--grant-usd", "-1"],
        ["ada@lab.example", "--grant-usd", "NaN"],
        ["ada@lab.example", "--grant-usd", "1e99"],
    ],
)
def test_the_command_refuses_nonsense_and_makes_nothing(ada: User, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        issue_key(*arguments)
    assert not ApiKey.objects.exists()
    assert User.objects.count() == 1


def test_the_command_gives_no_key_to_somebody_blocked(ada: User) -> None:
    User.objects.update(is_active=False)

    with pytest.raises(CommandError, match="blocked"):
        issue_key("ada@lab.example")
