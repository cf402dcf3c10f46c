"""What `make run` checks before it starts anything; the whole site is started elsewhere."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devserver.run import PortTaken, check_port, static_fingerprint


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_free_port_passes() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    check_port(port)


def test_a_taken_port_is_said_with_the_way_out(taken_port: int) -> None:
    with pytest.raises(PortTaken, match=rf"Port {taken_port} .*PORT={taken_port + 1} make run"):
        check_port(taken_port)


@pytest.mark.processes
def test_a_taken_port_starts_nothing(taken_port: int, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    done = subprocess.run(
        [sys.executable, "-m", "devserver.run"],
        env={**os.environ, "DATA_DIR": str(data_dir), "PORT": str(taken_port)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert not data_dir.exists()


def test_the_fingerprint_stays_while_no_static_file_changes(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "site.css").write_text("a {}")

    assert static_fingerprint(tmp_path, {}) == static_fingerprint(tmp_path, {})


@pytest.mark.parametrize("path", ["static/site.css", "catalog/static/new.css", "constraints.txt"])
def test_the_fingerprint_changes_with_static_files_and_packages(tmp_path: Path, path: str) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "site.css").write_text("a {}")
    before = static_fingerprint(tmp_path, {})

    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("b { color: red }")

    assert static_fingerprint(tmp_path, {}) != before


def test_the_fingerprint_changes_with_debug_which_chooses_the_storage(tmp_path: Path) -> None:
    assert static_fingerprint(tmp_path, {"DEBUG": "1"}) != static_fingerprint(tmp_path, {})
