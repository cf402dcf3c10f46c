"""The committed table says what these tests claim, of the clients that are pinned."""

import importlib
import json
import pkgutil
import re

import pytest

import tests.inference.api.clients
from tests.inference.api.clients import table
from tests.inference.api.clients.table import CASES, Case

Rows = list[dict[str, str]]


@pytest.fixture
def rows() -> Rows:
    """`make compatibility` writes them anew, after a change of these tests or of a version."""
    table_rows: Rows = json.loads(table.FILE.read_text())
    return table_rows


def cases() -> set[Case]:
    package = tests.inference.api.clients
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.rpartition(".")[2].startswith("test_"):
            importlib.import_module(module.name)
    return CASES


def test_the_table_names_exactly_the_cases_that_are_run(rows: Rows) -> None:
    named = [Case(case["client"], case["endpoint"], case["what"]) for case in rows]

    assert sorted(named, key=lambda case: case.place) == named
    assert len(set(named)) == len(named)
    assert set(named) == cases()


def test_every_case_was_run_and_works(rows: Rows) -> None:
    assert {case["result"] for case in rows} == {"works"}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", case["ran_on"]) for case in rows)


def test_the_versions_are_those_that_are_pinned(rows: Rows) -> None:
    npm = json.loads((table.NODE_MODULES.parent / "package.json").read_text())["devDependencies"]
    pip = table.pinned(table.PROJECT / "constraints.txt")
    frameworks = table.pinned(table.REQUIREMENTS)
    pinned = {client: npm[name] for client, name in table.NPM.items()}
    pinned |= {client: pip[name] for client, name in table.PIP.items()}
    pinned |= {name: frameworks[name.replace("-", "_")] for name in table.FRAMEWORKS_PY}

    named = {case["client"]: case["version"] for case in rows if case["client"] in pinned}

    assert named == pinned
