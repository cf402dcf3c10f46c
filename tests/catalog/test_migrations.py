"""History stays as it was: no migration imports code that goes on changing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT

OURS = {"accounts", "catalog", "config", "devserver", "inference"}
MIGRATIONS = sorted(PROJECT.glob("*/migrations/[0-9]*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: f"{path.parts[-3]}.{path.stem}")
def test_a_migration_imports_nothing_of_ours(path: Path) -> None:
    packages = {name.partition(".")[0] for name in imported(path)}

    assert packages.isdisjoint(OURS | {""})
