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
    found: Rows = json.loads(table.FILE.read_text())
    return found


def cases() -> set[Case]:
    for module in pkgutil.iter_modules(tests.inference.api.clients.__path__):
        if module.name.startswith("test_"):
            importlib.import_module(f"tests.inference.api.clients.{module.name}")
    return CASES


def test_the_table_names_exactly_the_cases_that_are_run(rows: Rows) -> None:
    named = [Case(row["client"], row["endpoint"], row["what"]) for row in rows]

    assert sorted(named, key=lambda case: case.place) == named
    assert len(set(named)) == len(named)
    assert set(named) == cases()


def test_every_case_was_run_and_works(rows: Rows) -> None:
    assert {row["result"] for row in rows} == {"works"}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", row["ran_on"]) for row in rows)


def test_the_versions_are_those_that_are_pinned(rows: Rows) -> None:
    npm = json.loads((table.NODE_MODULES.parent / "package.json").read_text())["devDependencies"]
    pip = dict(
        line.lower().replace("-", "_").split("==")
        for line in (table.PROJECT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    pinned = {client: npm[name] for client, name in table.NPM.items()}
    pinned |= {client: pip[name] for client, name in table.PIP.items()}

    named = {row["client"]: row["version"] for row in rows if row["client"] in pinned}

    assert named == pinned
