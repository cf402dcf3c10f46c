"""Fault points themselves: off unless asked for, refused on a real site."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from inference import faults
from inference.models import Job
from inference.runtime import deeds
from inference.runtime.deeds import DEEDS
from tests.conftest import photo_bytes


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[str]:
    """What was done; fault points are on."""
    settings.FAULTS_DIR, settings.DEBUG = str(tmp_path), True
    calls: list[str] = []
    monkeypatch.setattr(faults, "DEEDS", {"kill": lambda: calls.append("kill")})
    return calls


def order(folder: Path, words: str) -> Path:
    file = folder / "decode"
    file.write_text(words)
    return file


def test_without_an_order_nothing_happens(done: list[str]) -> None:
    faults.hit("decode")

    assert done == []


def test_an_order_is_carried_out_until_it_is_taken_back(done: list[str], tmp_path: Path) -> None:
    file = order(tmp_path, "kill")
    faults.hit("decode")
    faults.hit("forward")
    file.unlink()
    faults.hit("decode")

    assert done == ["kill"]


def test_an_order_for_once_is_carried_out_once(done: list[str], tmp_path: Path) -> None:
    order(tmp_path, "kill any once")
    faults.hit("decode")
    faults.hit("decode")

    assert done == ["kill"]


def test_an_order_may_mean_one_picture(
    done: list[str], tmp_path: Path, submit: Callable[..., Job]
) -> None:
    meant, other = photo_bytes(40), photo_bytes(50)
    order(tmp_path, f"kill {hashlib.sha256(meant).hexdigest()}")

    faults.hit("decode", submit(data=other))
    assert done == []
    faults.hit("decode", submit(data=other), submit(data=meant))
    assert done == ["kill"]


def test_on_a_real_site_they_are_off_and_a_check_says_so(
    done: list[str], settings: Settings, tmp_path: Path
) -> None:
    order(tmp_path, "kill")
    assert "inference.E001" not in [message.id for message in run_checks()]

    settings.DEBUG = False
    faults.hit("decode")

    assert done == []
    assert "inference.E001" in [message.id for message in run_checks()]


def test_memory_runs_out_only_for_whoever_asks_for_it() -> None:
    with pytest.raises(MemoryError):
        DEEDS["memory"]()

    assert len(bytearray(32 * deeds.ROOM_BYTES)) == 32 * deeds.ROOM_BYTES
