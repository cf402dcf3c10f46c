"""A state machine drives the ledger in orders nobody thinks of, beside a model in plain Python."""

import uuid
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import credits
from accounts.credits import Outcome, ledger
from accounts.models import Category, Entry, Grant, Hold, HoldState, User, Wallet

SOME = st.integers(min_value=1, max_value=40)
WHICH = st.integers(min_value=0, max_value=9)

T = TypeVar("T")


def pick(known: dict[str, T], which: int) -> str:
    """One of the references, whichever the number means."""
    return list(known)[which % len(known)]


@dataclass
class ToyGrant:
    """Credit as coins: each knows only whether it is still there."""

    priority: int
    left: int
    ended: int = 10**9  # the step of the run in which it ended


@dataclass
class ToyHold:
    amount: int
    made: int
    state: str = "open"


@dataclass
class Toy:
    """The rules of credit said once more, as plainly as can be."""

    step: int = 0
    grants: dict[str, ToyGrant] = field(default_factory=dict)
    holds: dict[str, ToyHold] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return sum(grant.left for grant in self.grants.values())

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.open_holds())

    def open_holds(self) -> list[ToyHold]:
        return [hold for hold in self.holds.values() if hold.state == "open"]

    def is_over(self, grant: ToyGrant) -> bool:
        return grant.ended <= self.step

    def sweep(self) -> int:
        """Coin by coin: each open hold keeps the ended coins it may use, soonest ended first."""
        before = self.balance
        wants = {id(hold): hold.amount for hold in self.open_holds()}
        over = sorted(filter(self.is_over, self.grants.values()), key=lambda grant: grant.ended)
        for grant in over:
            kept = 0
            for hold in sorted(self.open_holds(), key=lambda hold: hold.made):
                while hold.made < grant.ended and wants[id(hold)] and kept < grant.left:
                    wants[id(hold)] -= 1
                    kept += 1
            grant.left = kept
        return before - self.balance

    def spend(self, hold: ToyHold, amount: int) -> None:
        for _ in range(amount):
            payable = [grant for grant in self.grants.values() if grant.left]
            kept = [g for g in payable if self.is_over(g) and hold.made < g.ended]
            good = [g for g in payable if not self.is_over(g)]
            if kept:
                first = min(kept, key=lambda grant: grant.ended)
            else:
                first = min(good, key=lambda grant: grant.priority)
            first.left -= 1


class LedgerMachine(RuleBasedStateMachine):
    """Each run is one person; references are the run's own, so that runs share a database."""

    def __init__(self) -> None:
        super().__init__()
        self.run = uuid.uuid4().hex
        self.user = User.objects.create_user(f"{self.run}@lab.example")
        self.wallet = credits.wallet_of(self.user)
        self.toy = Toy()

    def name(self, reference: str) -> str:
        return f"{self.run}:{reference}"

    @initialize(amounts=st.lists(SOME, min_size=2, max_size=2))
    def begin_with_two_grants(self, amounts: list[int]) -> None:
        for amount, priority in zip(amounts, (1, 2), strict=True):
            self.grant(amount=amount, priority=priority)

    @precondition(lambda self: len(self.toy.grants) < 5)
    @rule(amount=SOME, priority=st.integers(1, 3))
    def grant(self, amount: int, priority: int) -> None:
        reference = f"g{len(self.toy.grants)}"
        # No two priorities alike: the toy knows no age.
        grant = ToyGrant(priority * 10 + len(self.toy.grants), amount)
        self.toy.grants[reference] = grant
        self.give(reference, amount=amount, priority=grant.priority)

    def give(self, reference: str, *, amount: int, priority: int) -> None:
        credits.grant(
            self.user,
            amount_micro_usd=amount,
            category=Category.PROMOTION,
            reference=self.name(reference),
            priority=priority,
        )

    @rule(share=st.sampled_from([0, 0.3, 0.6, 1, 1.01]))
    def hold(self, share: float) -> None:
        """A share of what there is; all of it and one more is refused."""
        reference = f"h{len(self.toy.holds)}"
        available = credits.balance_of(self.user).available
        amount = int(available * share) + (share > 1)
        self.toy.sweep()
        assert available == self.toy.balance - self.toy.held
        if amount > available:
            with pytest.raises(credits.NotEnoughCredit) as refusal:
                self.ask(reference, amount)
            assert refusal.value.available == available
        else:
            self.ask(reference, amount)
            self.toy.step += 1
            self.toy.holds[reference] = ToyHold(amount, self.toy.step)
        # A refusal undoes its own sweep; the toy cannot.
        credits.expire_due(timezone.now())

    def ask(self, reference: str, amount: int) -> Hold:
        return credits.hold(self.user, amount_micro_usd=amount, reference=self.name(reference))

    @precondition(lambda self: self.toy.holds)
    @rule(which=WHICH, amount=st.none() | SOME)
    def capture(self, which: int, amount: int | None) -> None:
        reference = pick(self.toy.holds, which)
        hold = self.toy.holds[reference]
        outcome = credits.capture(self.name(reference), amount_micro_usd=amount)
        assert outcome is self.expected(hold, "captured")
        if hold.state == "open":
            self.toy.spend(hold, hold.amount if amount is None else min(amount, hold.amount))
            hold.state = "captured"

    @precondition(lambda self: self.toy.holds)
    @rule(many=st.lists(WHICH, min_size=1, max_size=3))
    def release(self, many: list[int]) -> None:
        references = {pick(self.toy.holds, which) for which in many}
        outcomes = credits.release_many(map(self.name, references))
        for reference in references:
            hold = self.toy.holds[reference]
            assert outcomes[self.name(reference)] is self.expected(hold, "released")
            if hold.state == "open":
                hold.state = "released"

    @precondition(lambda self: self.toy.holds)
    @rule(which=WHICH, amount=SOME)
    def ask_again(self, which: int, amount: int) -> None:
        """What was given or held before, and what never was: none of it moves anything."""
        reference = pick(self.toy.holds, which)
        assert self.ask(reference, amount).amount_micro_usd == self.toy.holds[reference].amount
        self.give(pick(self.toy.grants, which), amount=amount, priority=0)
        assert credits.capture(self.name("nowhere")) is Outcome.UNKNOWN
        assert credits.release(self.name("nowhere")) is Outcome.UNKNOWN

    @staticmethod
    def expected(hold: ToyHold, state: str) -> Outcome:
        if hold.state == "open":
            return Outcome.DONE
        return Outcome.ALREADY if hold.state == state else Outcome.TOO_LATE

    @rule(which=WHICH)
    def run_out(self, which: int) -> None:
        reference = pick(self.toy.grants, which)
        running = Grant.objects.filter(reference=self.name(reference), expires_at__isnull=True)
        if running.update(expires_at=Now()):
            self.toy.step += 1
            self.toy.grants[reference].ended = self.toy.step

    @rule()
    def sweep(self) -> None:
        assert credits.expire_due(timezone.now()) == self.toy.sweep()

    @invariant()
    def the_database_says_what_the_toy_says(self) -> None:
        wallet = Wallet.objects.get(pk=self.wallet.pk)
        assert (wallet.balance_micro_usd, wallet.held_micro_usd) == (
            self.toy.balance,
            self.toy.held,
        )
        left = dict(wallet.grants.values_list("reference", "remaining_micro_usd"))
        assert left == {self.name(r): grant.left for r, grant in self.toy.grants.items()}
        states = dict(wallet.holds.values_list("reference", "state"))
        assert states == {self.name(r): hold.state for r, hold in self.toy.holds.items()}

    def teardown(self) -> None:
        # Leave nothing to sweep to the next run: `expire_due` looks at all wallets.
        credits.release_many(map(self.name, self.toy.holds))
        credits.expire_due(timezone.now())
        assert not [d for d in ledger.check().differences if str(self.wallet.pk) in d.row]
        captured = self.wallet.holds.filter(state=HoldState.CAPTURED)
        entered = Entry.objects.filter(wallet=self.wallet, kind="capture")
        assert entered.count() == captured.count()
        assert not captured.filter(captured_micro_usd__gt=F("amount_micro_usd")).exists()


@pytest.mark.django_db(transaction=True)
def test_the_ledger_keeps_to_the_model_whatever_is_asked() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
