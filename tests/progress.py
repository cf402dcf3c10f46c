"""A pytest plugin for a run of all tests: one line says how far it is, and failures at once.

It keeps in pytest's cache what became of each test, for tests.run, and how long the run took.
"""

import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, field

import pytest
from _pytest.terminal import TerminalReporter

# Category, letter, and the word of the summary.
Status = tuple[str, str, str | tuple[str, Mapping[str, bool]]]
OUTCOMES, TOOK = "gigarouter/outcomes", "gigarouter/took_s"
SHOW_EVERY_S = 1.0
SHOW_EVERY_S_IN_A_LOG = 30.0


@dataclass
class Outcomes:
    """What became of each test, by its name: passed, failed or skipped.

    `total` were collected; `uncollected` are the files that could not be read.
    """

    total: int = 0
    by_test: dict[str, str] = field(default_factory=dict)
    uncollected: list[str] = field(default_factory=list)

    def note(self, report: pytest.TestReport) -> None:
        """A test that fails in any of its three phases has failed."""
        if report.failed:
            self.by_test[report.nodeid] = "failed"
        elif report.skipped:
            self.by_test.setdefault(report.nodeid, "skipped")
        elif report.when == "call":
            self.by_test.setdefault(report.nodeid, "passed")

    def those(self, outcome: str) -> list[str]:
        return [test for test, became in self.by_test.items() if became == outcome]


class Progress:
    def __init__(self, config: pytest.Config, reporter: TerminalReporter) -> None:
        self.config, self.reporter = config, reporter
        self.outcomes = Outcomes()
        self.began_s = self.shown_s = time.monotonic()
        self.took_s: float | None = self._cache.get(TOOK, None)

    @property
    def _cache(self) -> pytest.Cache:
        assert self.config.cache is not None
        return self.config.cache

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # pytest itself stops here; pytest-xdist runs what the other files have.
        if report.failed:
            self.outcomes.uncollected.append(report.nodeid)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.outcomes.total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.outcomes.total = len(ids)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Status, Status]:
        """No dots: the letter goes, the category and the word of the summary stay."""
        category, _, word = yield
        return category, "", word

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.outcomes.note(report)
        if report.failed:
            self._say(f"FAILED {report.nodeid} ({report.when}): {_reason(report)}")
        self._show()

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._show(is_last=True)
        self._cache.set(OUTCOMES, asdict(self.outcomes))
        is_whole = not self.config.getoption("lf")
        if is_whole and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._cache.set(TOOK, time.monotonic() - self.began_s)

    def _say(self, line: str) -> None:
        self.reporter.ensure_newline()
        self.reporter.write_line(line)

    def _show(self, *, is_last: bool = False) -> None:
        now_s = time.monotonic()
        is_terminal = self.reporter.isatty
        every_s = SHOW_EVERY_S if is_terminal else SHOW_EVERY_S_IN_A_LOG
        if not is_last and now_s - self.shown_s < every_s:
            return
        self.shown_s = now_s
        if is_terminal:
            self.reporter.rewrite(self._line(now_s), erase=True)
        else:
            self._say(self._line(now_s))

    def _line(self, now_s: float) -> str:
        outcomes = self.outcomes
        failed = len(outcomes.those("failed"))
        counts = f"{len(outcomes.by_test)} of {outcomes.total} tests, {failed} failed"
        about = f" of about {clock(self.took_s)}" if self.took_s else ""
        return f"{counts}, {clock(now_s - self.began_s)}{about}"


def clock(seconds: float) -> str:
    """78.4 -> 1:18"""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _reason(report: pytest.TestReport) -> str:
    """The first line of what went wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else str(report.longrepr)
    return message.partition("\n")[0]


@pytest.hookimpl(trylast=True)  # after the terminal's
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a process of xdist shows nothing
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        assert isinstance(reporter, TerminalReporter)
        config.pluginmanager.register(Progress(config, reporter), "progress-line")
