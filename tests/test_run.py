"""The runner of all tests counts right, and gives what fails one more chance."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import run, schedule
from tests.progress import Outcomes
from tests.run import ALONE, INCOMPLETE, OK, SOME_FAILED, TOGETHER, Run

BOTH = {"a": "passed", "b": "failed"}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], Run]]:
    """What pytest is to be asked for, and how each run is to end, in order."""
    script: list[tuple[tuple[str, ...], Run]] = []

    def run_all(*arguments: str) -> Run:
        wanted, end = script.pop(0)
        assert arguments == wanted
        return end

    monkeypatch.setattr(run, "run_all", run_all)
    return script


Runs = list[tuple[tuple[str, ...], Run]]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_all_that_pass_pass(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs[:] = [(TOGETHER, Run(OK, Outcomes(2, {"a": "passed", "b": "skipped"})))]

    assert run.main([]) == OK

    assert last_line(capsys) == "1 passed, 0 failed, 1 skipped"


def test_who_passes_alone_has_passed_and_is_named(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    runs[:] = [
        (TOGETHER, Run(SOME_FAILED, Outcomes(2, BOTH))),
        (ALONE, Run(OK, Outcomes(1, {"b": "passed"}))),
    ]

    assert run.main([]) == OK

    printed = capsys.readouterr().out
    assert "== FAILED AT FIRST, then passed; look into them:\nb\n" in printed
    assert printed.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(
    "second",
    [
        Run(SOME_FAILED, Outcomes(1, {"b": "failed"})),
        Run(OK, Outcomes(1, {"b": "skipped"})),
        Run(5, Outcomes()),
    ],
    ids=["fails again", "is skipped", "is not found"],
)
def test_who_does_not_pass_alone_has_failed(
    runs: Runs, capsys: pytest.CaptureFixture[str], second: Run
) -> None:
    runs[:] = [(TOGETHER, Run(SOME_FAILED, Outcomes(2, BOTH))), (ALONE, second)]

    assert run.main([]) != OK

    printed = capsys.readouterr().out
    assert "== FAILED TWICE:\nb\n" in printed
    assert printed.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (Run(2, Outcomes(2, {"a": "passed"})), 2),
        (Run(3, Outcomes()), 3),
        (Run(-9, Outcomes()), -9),
        (Run(OK, Outcomes(2, {"a": "passed"})), INCOMPLETE),
        (Run(SOME_FAILED, Outcomes(3, BOTH)), SOME_FAILED),
        (Run(OK, Outcomes()), INCOMPLETE),
        (Run(SOME_FAILED, Outcomes(2, BOTH, ["broken.py"])), SOME_FAILED),
    ],
    ids=[
        "interrupted",
        "internal error",
        "killed",
        "one missing",
        "failed, one missing",
        "none",
        "unread",
    ],
)
def test_a_run_that_did_not_run_all_fails(
    runs: Runs, capsys: pytest.CaptureFixture[str], first: Run, status: int
) -> None:
    runs[:] = [(TOGETHER, first)]

    assert run.main([]) == status

    assert "== NOT ALL TESTS RAN" in capsys.readouterr().out


def test_chosen_tests_run_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []

    def run_pytest(*arguments: str) -> int:
        asked.append(arguments)
        return 4

    monkeypatch.setattr(run, "run_pytest", run_pytest)

    assert run.main(["-k", "a or b"]) == 4
    assert asked == [("-k", "a or b")]


def report(when: str, outcome: str) -> pytest.TestReport:
    return pytest.TestReport("t", ("t.py", 1, "t"), {}, outcome, None, when)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phases", "became"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], "passed"),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], "failed"),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], "failed"),
        ([("setup", "passed"), ("call", "skipped"), ("teardown", "passed")], "skipped"),
        ([("setup", "failed"), ("teardown", "passed")], "failed"),
        ([("setup", "skipped"), ("teardown", "passed")], "skipped"),
        ([("???", "failed")], "failed"),  # its process crashed
    ],
)
def test_a_test_fails_in_any_phase(phases: list[tuple[str, str]], became: str) -> None:
    outcomes = Outcomes()

    for when, outcome in phases:
        outcomes.note(report(when, outcome))

    assert outcomes.by_test == {"t": became}


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/faults/test_races.py::test_f27", "tests/faults"),
        ("tests/journeys/test_site.py::test_x[a::b]", "tests/journeys"),
        ("tests/journeys/test_valid_html.py::test_x", "tests/journeys/test_valid_html.py"),
        ("tests/catalog/pages/test_compare.py::test_x", "tests/catalog/pages/test_compare.py"),
    ],
)
def test_a_package_with_a_site_stays_together(test: str, unit: str) -> None:
    assert schedule.unit_of(test) == unit


def test_no_test_imports_from_another() -> None:
    """What two share is a helper, and has a module of its own."""
    folder = Path(__file__).parent
    importing = re.compile(r"^\s*(?:from|import) tests[\w.]*\.test_\w+", re.MULTILINE)
    guilty = [str(file) for file in folder.rglob("*.py") if importing.search(file.read_text())]

    assert guilty == []


def test_what_uses_a_package_s_site_stays_together(request: pytest.FixtureRequest) -> None:
    sites = {"running_site", "broken_site", "scene"}
    users = [
        item.nodeid
        for item in request.session.items
        if sites & set(getattr(item, "fixturenames", ()))
    ]

    assert {schedule.unit_of(test) for test in users} <= set(schedule.SITES)
