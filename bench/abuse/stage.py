"""The cast: a card that costs money, a victim who has paid, and an attacker with a gift."""

from dataclasses import dataclass
from io import StringIO
from uuid import uuid4

from django.core.management import call_command

from accounts.models import User, Wallet
from bench.abuse.attack import Target
from inference.models import OPEN, Job

# Whose sign-in is attacked.
VICTIM = "victim@lab.example"
GIFT_USD = "1"
GIFT_MICRO_USD = 1_000_000
PAID_USD = "1000"


@dataclass(frozen=True)
class Attacker:
    """A newcomer for one attack: one ordinary key, and what everybody gets as a gift."""

    email: str
    key: str

    @classmethod
    def new(cls) -> "Attacker":
        email = f"attacker-{uuid4().hex[:8]}@lab.example"
        return cls(email, issue_key(email, GIFT_USD))

    def target(self, port: int, model: str, *, is_short: bool = False) -> Target:
        return Target(port, model, self.key, VICTIM, is_short=is_short)

    @property
    def user(self) -> User:
        return User.objects.get(email=self.email)

    def spent_micro_usd(self) -> int:
        return GIFT_MICRO_USD - Wallet.objects.get(user=self.user).balance_micro_usd

    def open_jobs(self) -> int:
        return Job.objects.filter(owner=self.user, state__in=OPEN).count()

    def ended_jobs(self) -> dict[str, int]:
        """How many jobs ended how: by error code, or by state without one."""
        ended: dict[str, int] = {}
        for state, code in Job.objects.filter(owner=self.user).values_list("state", "error_code"):
            ended[code or state] = ended.get(code or state, 0) + 1
        return ended


def victims_key() -> str:
    """Of somebody new who has paid: a minute holds sixty calls, and two attacks may share one."""
    return issue_key(f"payer-{uuid4().hex[:8]}@lab.example", PAID_USD)


def issue_key(email: str, grant_usd: str) -> str:
    printed = StringIO()
    call_command("issue_key", email, grant_usd=grant_usd, name="abuse", stdout=printed)
    return printed.getvalue().split()[-1]
