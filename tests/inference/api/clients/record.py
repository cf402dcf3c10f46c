"""A pytest plugin that writes docs/compatibility.json from what has just run."""

import json
from collections.abc import Generator
from datetime import date

import pytest

from tests.inference.api.clients import table

_results: dict[table.Case, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for case in getattr(getattr(item, "function", None), "cases", []):
        _note(case, report)
    return report


def _note(case: table.Case, report: pytest.TestReport) -> None:
    """All tests of a claim must pass; one that was skipped leaves it open."""
    if report.failed:
        _results[case] = "fails"
    elif report.skipped:
        _results.setdefault(case, "not run")
    elif report.when == "call" and _results.get(case) != "fails":
        _results[case] = "works"


def pytest_sessionfinish() -> None:
    cases = [
        {
            "client": case.client,
            "version": table.version_of(case.client),
            "endpoint": case.endpoint,
            "what": case.what,
            "result": _results[case],
            "ran_on": date.today().isoformat(),
        }
        for case in sorted(_results, key=lambda case: case.place)
    ]
    lines = ",\n".join(json.dumps(case) for case in cases)
    table.FILE.write_text(f"[\n{lines}\n]\n")
