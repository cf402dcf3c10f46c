"""A pytest plugin: which tests stay together in one process, and which of them begin.

With `-n auto` (pytest-xdist) each process has a PostgreSQL and a Valkey of its own, because some
tests break them. What is handed out to a process is a file; the packages that share a running site
are handed out whole, so that the site starts once.
"""

import os
from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SITES = ("tests/faults", "tests/journeys", "tests/abuse")
# These journeys do not use their package's site.
APART = ("tests/journeys/test_demand_journey.py", "tests/journeys/test_valid_html.py")
# What takes longest begins, for in the end all wait for the last. The journeys that start another
# site come when one of the two others may have ended.
ORDER = (*SITES, "tests/inference", *APART)


def unit_of(nodeid: str) -> str:
    """The package or the file that a test is handed out with."""
    file = nodeid.partition("::")[0]
    package = str(PurePosixPath(file).parent)
    return package if package in SITES and file not in APART else file


def rank_of(nodeid: str) -> int:
    unit = unit_of(nodeid)
    if unit in APART:
        return ORDER.index(unit)
    return next((i for i, start in enumerate(ORDER) if unit.startswith(start)), len(ORDER))


class Schedule(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule:  # xdist's own class
    config.option.loadscopereorder = False  # it would begin with the files of most tests
    return Schedule(config, log)


@pytest.hookimpl(tryfirst=True)  # before xdist's own
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait more than they compute."""
    if os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        return 1  # servers of somebody else, whose caches the processes would share
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After pytest-randomly and pytest-django, whose order stays within a unit."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.nodeid))
    else:
        items.sort(key=lambda item: unit_of(item.nodeid) if rank_of(item.nodeid) < 2 else "")
