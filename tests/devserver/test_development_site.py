"""manage.py finds the site of `make run` beside it, and never makes a real site a developer's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devserver.addresses import PROJECT_DIR
from devserver.development_site import Ambiguous, announced, join, running
from devserver.folder_lock import sole_owner


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sites are announced; the environment is that of `make run` without any setting."""
    for name in ("SECRET_KEY", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEBUG", "1")
    return tmp_path / "run"


def test_a_running_site_is_joined(folder: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environ: dict[str, str] = {}
    with sole_owner(data_dir), announced(data_dir, port=8123, folder=folder):
        joined = join(environ, folder)

    assert joined
    assert environ == {"DEBUG": "1", "DATA_DIR": str(data_dir), "PORT": "8123"}
    assert running(folder) == []


@pytest.mark.parametrize(
    "given",
    [
        {"DEBUG": "0"},
        {"DEBUG": ""},
        {"DEBUG": "false"},
        {"SECRET_KEY": "x" * 50},
        {"DATABASE_URL": "postgresql://db/x"},
        {"DJANGO_SETTINGS_MODULE": "mine"},
        {"DATA_DIR": "/somewhere/else"},
    ],
    ids=str,
)
def test_who_has_a_site_in_mind_keeps_it(
    folder: Path, tmp_path: Path, given: dict[str, str]
) -> None:
    environ = dict(given)
    with sole_owner(tmp_path), announced(tmp_path, port=1, folder=folder):
        assert join(environ, folder) is None

    assert environ == given


@pytest.mark.parametrize(
    ("name", "value"), [("DEBUG", "0"), ("SECRET_KEY", "x"), ("DATABASE_URL", "postgresql://db/x")]
)
def test_a_site_that_is_no_developer_s_is_not_announced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with sole_owner(tmp_path), announced(tmp_path, port=1, folder=folder):
        assert running(folder) == []


def test_what_a_killed_site_has_left_counts_for_nothing(folder: Path, tmp_path: Path) -> None:
    """Its number may be another process's by now: only a held lock says that it runs."""
    folder.mkdir()
    (tmp_path / "lock").touch()
    left = {"data_dir": str(tmp_path), "port": 1, "pid": os.getpid()}
    (folder / "1.json").write_text(json.dumps(left))

    assert join({}, folder) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data_dir": 1}', "\0"])
def test_a_broken_file_is_no_site(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "1.json").write_text(content)

    assert join({}, folder) is None


def test_of_two_sites_one_must_be_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    with sole_owner(first), sole_owner(second), announced(first, port=1, folder=folder):
        other = json.loads(next(folder.iterdir()).read_text()) | {"data_dir": str(second)}
        (folder / "2.json").write_text(json.dumps(other))

        with pytest.raises(Ambiguous, match="DATA_DIR="):
            join({}, folder)
        environ = {"DATA_DIR": str(second)}
        assert join(environ, folder)
        assert environ["DATA_DIR"] == str(second)


def test_without_a_site_a_command_asks_for_settings_as_before(tmp_path: Path) -> None:
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=environ | {"DATA_DIR": str(tmp_path)},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Set SECRET_KEY" in done.stderr
