"""Run the tests: `make test`. All of them in several processes, or, with arguments, some in one.

What fails runs once more alone: a machine whose cores are all busy breaks a test now and then that
has waited long enough anywhere else. Whoever fails twice has failed. Whoever does not is named,
because a test that fails at times is a fault as well.
"""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.progress import OUTCOMES, Outcomes, clock

PROJECT_DIR = Path(__file__).resolve().parent.parent
CACHE = PROJECT_DIR / ".pytest_cache" / "all"
OK, SOME_FAILED, INCOMPLETE = 0, 1, 2  # as pytest's
# Not another process for one that crashed: it would be given the test that crashed it, again.
TOGETHER = ("-n", "auto", "--max-worker-restart", "0")
ALONE = ("--last-failed", "--last-failed-no-failures", "none")


@dataclass(frozen=True)
class Run:
    """How a run of pytest ended, and what became of each test."""

    status: int
    outcomes: Outcomes

    @property
    def is_complete(self) -> bool:
        """Every test that was collected has run: nothing was interrupted, nothing crashed."""
        outcomes = self.outcomes
        has_ended = self.status in (OK, SOME_FAILED) and not outcomes.uncollected
        return has_ended and len(outcomes.by_test) == outcomes.total > 0


def main(arguments: list[str]) -> int:
    if arguments:
        return run_pytest(*arguments)
    began_s = time.monotonic()
    first = run_all(*TOGETHER)
    if not first.is_complete:
        print("== NOT ALL TESTS RAN")
        return conclude(first.outcomes, status=first.status or INCOMPLETE, began_s=began_s)
    if first.status == OK:
        return conclude(first.outcomes, status=OK, began_s=began_s)
    print("== once more and alone, what failed", flush=True)
    outcomes, status = merged(first, run_all(*ALONE))
    return conclude(outcomes, status=status, began_s=began_s)


def merged(first: Run, second: Run) -> tuple[Outcomes, int]:
    """What became of each test at its last try, and the status of both runs together."""
    failed = first.outcomes.those("failed")
    recovered = [test for test in failed if second.outcomes.by_test.get(test) == "passed"]
    for heading, tests in (
        ("FAILED TWICE", [test for test in failed if test not in recovered]),
        ("FAILED AT FIRST, then passed; look into them", recovered),
    ):
        if tests:
            print(f"== {heading}:", *tests, sep="\n")
    outcomes = Outcomes(
        first.outcomes.total, first.outcomes.by_test | dict.fromkeys(recovered, "passed")
    )
    return outcomes, OK if recovered == failed else second.status or SOME_FAILED


def conclude(outcomes: Outcomes, *, status: int, began_s: float) -> int:
    counts = {became: len(outcomes.those(became)) for became in ("passed", "failed", "skipped")}
    print(f"== {clock(time.monotonic() - began_s)}")
    print(", ".join(f"{count} {became}" for became, count in counts.items()))
    return status


def run_all(*arguments: str) -> Run:
    """`arguments` say how."""
    record = CACHE / "v" / OUTCOMES
    record.unlink(missing_ok=True)
    if arguments != ALONE:
        shutil.rmtree(CACHE / "v" / "cache", ignore_errors=True)  # what failed some other time
    settings = [f"cache_dir={CACHE}", "console_output_style=classic"]
    options = ["-p", "tests.progress", "--durations=15", *(f"-o{setting}" for setting in settings)]
    status = run_pytest(*options, *arguments)
    if not record.exists():  # pytest did not come to its end
        return Run(status, Outcomes())
    return Run(status, Outcomes(**json.loads(record.read_text())))


def run_pytest(*arguments: str) -> int:
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=PROJECT_DIR)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # pytest has it, too, and ends by itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
