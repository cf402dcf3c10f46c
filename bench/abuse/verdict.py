"""What `make abuse` prints: a line an attack, and each promise that did not hold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.abuse.attack import Attack, Outcome
from bench.abuse.watch import Usage

HEAD = (
    f"{'':<18}{'victim':>9}{'call p95':>10}{'idle':>8}{'page p95':>10}{'idle':>8}{'memory':>8}"
    f"{'cost':>11}{'rate':>6}  answers to the attacker\n"
    f"{'attack':<18}{'errors':>9}{'s':>10}{'s':>8}{'s':>10}{'s':>8}{'+MB':>8}{'µ$':>11}{'':>6}"
)


@dataclass(frozen=True)
class Seen:
    """What a victim met: seconds at the 95th percentile, and what was not answered by 200."""

    call_p95_s: float
    page_p95_s: float
    errors: int
    count: int
    statuses: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> "Seen":
        call, page = figures["call"], figures["page"]
        return cls(
            call_p95_s=_p95(call["took_s"]),
            page_p95_s=_p95(page["took_s"]),
            errors=call["errors"] + page["errors"],
            count=len(call["took_s"]),
            statuses={"call": call["statuses"], "page": page["statuses"]},
        )


@dataclass(frozen=True)
class Result:
    attack: Attack
    outcome: Outcome
    victim: Seen
    usage: Usage
    spent_micro_usd: int
    jobs: Mapping[str, int]

    def not_held(self, idle: Seen, batch_s: float) -> list[str]:
        """The promises of every attack, then this one's own."""
        call_s = 2 * idle.call_p95_s + batch_s
        page_s = 2 * idle.page_p95_s + batch_s
        may_take_mb = self.attack.may_take_mb
        checks = {
            f"{self.victim.errors} errors for the victim ({_flat(self.victim.statuses)})": (
                not self.victim.errors
            ),
            f"the victim's calls took more than {call_s:.2f} s": self.victim.call_p95_s < call_s,
            f"the victim's pages took more than {page_s:.2f} s": self.victim.page_p95_s < page_s,
            f"more than {may_take_mb} MB": self.usage.over_idle_mb <= may_take_mb,
            f"started anew: {', '.join(self.usage.restarts)}": not self.usage.restarts,
        }
        return [sentence for sentence, holds in checks.items() if not holds] + self.outcome.broken

    def in_short(self) -> str:
        return (
            f"victim {_flat(self.victim.statuses)}; p95 {self.victim.call_p95_s:.2f} s;"
            f" +{self.usage.over_idle_mb:.0f} MB; {self.answers()}"
        )

    def answers(self) -> str:
        """What the attacker was answered, how their jobs ended, and what else is to be said."""
        said = [_flat({"": self.outcome.statuses})]
        if self.jobs:
            said.append(f"jobs: {_flat({'': self.jobs})}")
        return "; ".join(said + self.outcome.notes)


@dataclass(frozen=True)
class Report:
    """`idle` by whether the victim named its picture by a URL."""

    idle: Mapping[bool, Seen]
    batch_s: float
    results: Sequence[Result]

    @property
    def holds(self) -> bool:
        return not any(self._not_held(result) for result in self.results)

    def as_text(self) -> str:
        lines = [HEAD, *(self._line(result) for result in self.results), ""]
        for result in self.results:
            lines += [f"NOT HELD  {result.attack.name}: {said}" for said in self._not_held(result)]
        lines.append(f"one batch: {self.batch_s:.2f} s")
        return "\n".join(lines)

    def as_json(self) -> str:
        return json.dumps(
            {
                "batch_s": self.batch_s,
                "attacks": {result.attack.name: self._figures(result) for result in self.results},
            },
            indent=1,
        )

    def _not_held(self, result: Result) -> list[str]:
        return result.not_held(self.idle[result.attack.by_url], self.batch_s)

    def _line(self, result: Result) -> str:
        idle, victim = self.idle[result.attack.by_url], result.victim
        return (
            f"{result.attack.name:<18}{f'{victim.errors}/{2 * victim.count}':>9}"
            f"{victim.call_p95_s:>10.2f}{idle.call_p95_s:>8.2f}"
            f"{victim.page_p95_s:>10.2f}{idle.page_p95_s:>8.2f}"
            f"{result.usage.over_idle_mb:>8.0f}{result.spent_micro_usd:>11,}"
            f"{result.outcome.rate_used or '':>6}  {result.answers()}"
        )

    def _figures(self, result: Result) -> dict[str, Any]:
        idle, victim = self.idle[result.attack.by_url], result.victim
        return {
            "victim_errors": victim.errors,
            "victim_requests": 2 * victim.count,
            "call_p95_s": victim.call_p95_s,
            "idle_call_p95_s": idle.call_p95_s,
            "page_p95_s": victim.page_p95_s,
            "idle_page_p95_s": idle.page_p95_s,
            "memory_over_idle_mb": result.usage.over_idle_mb,
            "restarts": result.usage.restarts,
            "cost_micro_usd": result.spent_micro_usd,
            "rate_used": result.outcome.rate_used,
            "statuses": dict(result.outcome.statuses),
            "jobs": dict(result.jobs),
            "notes": result.outcome.notes,
            "not_held": self._not_held(result),
        }


def _flat(counts: Mapping[str, Mapping[str, int]]) -> str:
    """
    >>> _flat({"call": {"200": 3, "500": 1}})
    'call 3 x 200, call 1 x 500'
    """
    return ", ".join(
        f"{name} {count} x {status}".strip()
        for name, by_status in counts.items()
        for status, count in sorted(by_status.items())
    )


def _p95(took_s: Sequence[float]) -> float:
    """
    >>> _p95([float(n) for n in range(1, 101)])
    95.0
    """
    return sorted(took_s)[int(0.95 * (len(took_s) - 1) + 0.5)]
