"""All faults mixed into a long load of paid jobs, and the audit when it has ended."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.faults import invariants
from bench.faults.breakages import Breakages, NotBack, patiently
from bench.faults.load import Client, Record, send_all
from inference.models import OPEN, Job

# How often each comes in 10,000 jobs; in fewer, as often in proportion, and at least once.
TIMES = {"F01": 20, "F02": 5, "F04": 5, "F07": 5, "F11": 50}
PER_JOBS = 10_000
SETTLE_S = 180.0
PROGRESS_EVERY_S = 5.0


@dataclass
class Report:
    """What became of the jobs that clients were promised, and every breach of the invariants."""

    accepted: int = 0
    took_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    lost: int = 0
    charged_twice: int = 0
    breaches: list[str] = field(default_factory=list)

    def summary(self) -> str:
        faults = " ".join(f"{name}x{count}" for name, count in sorted(self.faults.items()))
        ended = ", ".join(f"{count} {state}" for state, count in sorted(self.ended.items()))
        return (
            f"{self.accepted} paid jobs in {self.took_s:.0f} s with {faults}: {self.lost} lost, "
            f"{self.charged_twice} charged twice; {ended}; {self.retried} ran more than once; "
            f"{len(self.breaches)} breaches"
        )


def plan(jobs: int, *, seed: int) -> list[tuple[int, str]]:
    """After how many accepted jobs each fault comes, in an order of chance, evenly spread."""
    names = [name for name, times in TIMES.items() for _ in range(max(1, times * jobs // PER_JOBS))]
    random.Random(seed).shuffle(names)  # noqa: S311
    return [((index + 1) * jobs // (len(names) + 1), name) for index, name in enumerate(names)]


def run(
    breakages: Breakages,
    clients: Sequence[Client],
    jobs: int,
    *,
    record: Record,
    seed: int,
    say: Callable[[str], object],
) -> Report:
    """Send the jobs, break the site meanwhile, wait until all have ended, and audit."""
    report = Report()
    began_s = time.monotonic()
    stopped = threading.Event()
    threads = send_all(clients, jobs, record=record, until=stopped.is_set)
    progress = _Progress(record, jobs, say)
    try:
        for after, name in plan(jobs, seed=seed):
            while len(record.accepted) < after and any(map(threading.Thread.is_alive, threads)):
                progress.show()
                time.sleep(0.05)
            _break(breakages, name, report, say)
        while any(map(threading.Thread.is_alive, threads)):
            progress.show()
            time.sleep(0.2)
        settle(progress.show)
    except NotBack as error:
        report.breaches.append(f"not back: {error}")
    finally:
        stopped.set()
    report.took_s = time.monotonic() - began_s
    audit(report, record)
    return report


def _break(breakages: Breakages, name: str, report: Report, say: Callable[[str], object]) -> None:
    deeds = {
        "F01": breakages.f01_kill_a_worker_in_mid_batch,
        "F02": breakages.f02_kill_all_workers,
        "F04": breakages.f04_kill_the_broker_and_its_data,
        "F07": breakages.f07_restart_the_database,
        "F11": breakages.f11_send_messages_twenty_times,
    }
    began_s = time.monotonic()
    deeds[name]()
    report.faults[name] += 1
    if name != "F11":
        say(
            f"{name} {deeds[name].__name__[4:].replace('_', ' ')}: back after "
            f"{time.monotonic() - began_s:.1f} s"
        )


def settle(show: Callable[[], object] = lambda: None) -> None:
    """Wait until all jobs have ended, for SETTLE_S at most; `show` is called again and again."""
    end_s = time.monotonic() + SETTLE_S
    while not patiently(lambda: not Job.objects.filter(state__in=OPEN).exists()):
        if time.monotonic() > end_s:
            return  # the audit names the jobs
        show()
        time.sleep(0.2)


def audit(report: Report, record: Record) -> None:
    """Every job ended once, and each success was charged once; nothing else was."""
    report.accepted, report.statuses = len(record.accepted), record.statuses
    report.breaches += record.broken + invariants.breaches(set(record.accepted))
    report.lost = sum(" is lost" in breach for breach in report.breaches)
    report.charged_twice = sum(
        " times" in breach and breach.startswith("I4") for breach in report.breaches
    )
    for state, code, attempt in Job.objects.values_list("state", "error_code", "attempt"):
        report.ended[f"{state} ({code})" if code else state] += 1
        report.retried += attempt > 1


@dataclass
class _Progress:
    record: Record
    jobs: int
    say: Callable[[str], object]
    _shown_s: float = field(default_factory=time.monotonic)

    def show(self) -> None:
        """A line now and then; nothing of it matters, so nothing of it may fail."""
        if time.monotonic() - self._shown_s < PROGRESS_EVERY_S:
            return
        self._shown_s = time.monotonic()
        waiting: list[int] = []

        def is_counted() -> bool:
            waiting.append(Job.objects.filter(state__in=OPEN).count())
            return True

        left = waiting[0] if patiently(is_counted) else "?"
        self.say(f"{len(self.record.accepted)} of {self.jobs} accepted, {left} not ended")
