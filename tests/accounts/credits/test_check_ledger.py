"""`manage.py check_ledger` agrees with what the verbs wrote, and notices everything else."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from accounts import credits, keys
from accounts.models import ApiKey, Category, Entry, EntryKind, Grant, Hold, User, Wallet


@pytest.fixture
def ada(db: None) -> User:
    """A person with a bit of everything: two grants, and holds in each state, two by a key."""
    ada = User.objects.create_user("ada@lab.example")
    for reference in ("a", "b"):
        credits.grant(ada, amount_micro_usd=100, category=Category.PROMOTION, reference=reference)
    key, _ = keys.issue(ada, name="laptop")
    for reference in ("open", "captured", "released"):
        by = None if reference == "released" else key
        credits.hold(ada, amount_micro_usd=30, reference=reference, key=by)
    credits.capture("captured", amount_micro_usd=20)
    credits.release("released")
    credits.void("b")
    return ada


def check() -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("check_ledger", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_what_the_verbs_wrote_agrees(ada: User) -> None:
    assert check() == ("1 wallets, 8 entries: all agree\n", "")


def test_an_empty_ledger_agrees(db: None) -> None:
    assert check()[0] == "0 wallets, 0 entries: all agree\n"


def test_it_changes_nothing(ada: User) -> None:
    check()

    assert Entry.objects.count() == 8


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (
            lambda: Wallet.objects.update(balance_micro_usd=F("balance_micro_usd") + 1),
            "balance is the sum of the entries",
        ),
        (
            lambda: Wallet.objects.update(held_micro_usd=F("held_micro_usd") - 1),
            "held is the sum of the open holds",
        ),
        (
            lambda: Grant.objects.filter(reference="a").update(remaining_micro_usd=1),
            "balance is what the grants have left",
        ),
        (
            lambda: Grant.objects.filter(reference="a").update(amount_micro_usd=101),
            "grant a: 101 µ$, not 100 µ$",
        ),
        (
            lambda: Hold.objects.filter(reference="open").update(amount_micro_usd=31),
            "hold open: 31 µ$, not 30 µ$",
        ),
        (
            lambda: Hold.objects.filter(reference="captured").update(captured_micro_usd=21),
            "hold captured: 21 µ$, not 20 µ$",
        ),
        (lambda: Hold.objects.filter(reference="open").delete(), "hold open: 0 µ$, not 30 µ$"),
        (
            lambda: Hold.objects.filter(reference="released").update(state="open", settled_at=None),
            "hold released",
        ),
        (lambda: ApiKey.objects.update(spent_micro_usd=0), "a key's sums"),
        (
            lambda: Entry.objects.create(
                wallet=Wallet.objects.get(),
                kind=EntryKind.RELEASE,
                reference="captured",
                held_effect_micro_usd=-30,
            ),
            "each hold ended once",
        ),
        (
            lambda: Entry.objects.create(
                wallet=Wallet.objects.get(),
                kind=EntryKind.GRANT,
                reference="nowhere",
                balance_effect_micro_usd=5,
            ),
            "grant nowhere: 0 µ$, not 5 µ$",
        ),
    ],
)
def test_a_difference_is_named_and_fails_the_command(
    ada: User, break_it: object, said: str
) -> None:
    assert callable(break_it)
    break_it()
    err = io.StringIO()

    with pytest.raises(CommandError, match="differences") as error:
        call_command("check_ledger", stdout=io.StringIO(), stderr=err)

    assert error.value.returncode == 1
    assert said in err.getvalue()
