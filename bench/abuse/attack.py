"""What an attack is told, what it reports, and how the list of them is kept."""

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

# What is counted where there was no status: the connection was closed, or nothing came.
CLOSED = "closed"
SILENT = "silent"


@dataclass(frozen=True)
class Target:
    """The site, and what the attacker has: one ordinary key with a newcomer's credit.

    `is_short`: fewer of everything, and no waiting for time limits.
    """

    port: int
    model: str
    key: str
    victim_email: str
    is_short: bool = False

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, full: int, short: int) -> int:
        return short if self.is_short else full


@dataclass
class Outcome:
    """`broken` are promises that did not hold, as sentences; `rate_used` calls of the minute."""

    statuses: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    rate_used: int = 0
    notes: list[str] = field(default_factory=list)

    def expect(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.broken.append(sentence)

    def expect_no_server_error(self) -> None:
        bad = {status for status in self.statuses if status.isdigit() and int(status) >= 500}
        self.expect(not bad, f"answered {', '.join(sorted(bad))}")

    def expect_only(self, *statuses: str) -> None:
        others = sorted(set(self.statuses) - set(statuses))
        self.expect(not others, f"answered {', '.join(others)}, not only {', '.join(statuses)}")


@dataclass(frozen=True)
class Attack:
    """`by_url`: the victim names a picture by its URL meanwhile. `may_take_mb`: web and worker,
    over what they take idle.
    """

    name: str
    summary: str
    run: Callable[[Target], Coroutine[Any, Any, Outcome]]
    by_url: bool = False
    may_take_mb: int = 300
