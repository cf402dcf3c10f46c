"""A pytest plugin: PostgreSQL and Valkey for this test run only, up before Django looks for them.

Loaded by `-p tests.engines`, because Django's settings are read before any conftest is. Each
process of pytest-xdist has its own, for some tests kill them; the process that hands out the tests
has none.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parent.parent
# The command that keeps the engines up: it ends when its input does, and that is when we do.
HOLD = "import sys; print('ready', flush=True); sys.stdin.read()"

DATA_DIR = Path(tempfile.mkdtemp(prefix="gigarouter-"))

ENVIRONMENT = {
    "SECRET_KEY": "test-only-" + "x" * 50,
    "DEBUG": "0",
    "HTTPS": "0",
    # Tests of the admin sign in without one, but for those that are about it.
    "ADMIN_SECOND_FACTOR": "0",
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "CSRF_TRUSTED_ORIGINS": "",
    "EMAIL_URL": "memorymail://",
    "CELERY_BROKER_URL": "",
    "MODELS": "auto",
    # An export takes seconds, a tiny model's as well: tests of onnxruntime ask for it.
    "ENGINE": "torch",
}
os.environ.update(ENVIRONMENT, DATA_DIR=str(DATA_DIR))
# Only the environment counts here: an empty value also keeps a developer's .env from being read.
os.environ.setdefault("DATABASE_URL", "")
os.environ.setdefault("REDIS_URL", "")
os.environ.setdefault("TEXT_CACHE_URL", "")

_engines: "subprocess.Popen[str] | None" = None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    is_controller = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    if not (option.collectonly or option.help or option.version or is_controller):
        _start()


def pytest_unconfigure() -> None:
    """Also called after Ctrl-C and after a collection that failed."""
    if _engines:
        _engines.communicate(timeout=60)
    shutil.rmtree(DATA_DIR, ignore_errors=True)


def _start() -> None:
    global _engines
    command = [sys.executable, "-m", "devserver.services", "run", "--forgetful", "--"]
    # Not to the terminal: tests that break them make them complain beside the line of progress.
    log = DATA_DIR / "engines.log"
    with log.open("w") as output:
        _engines = subprocess.Popen(
            [*command, sys.executable, "-c", HOLD],
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,  # a Ctrl-C must reach pytest first
        )
    if _engines.stdout is None or _engines.stdout.readline() != "ready\n":
        pytest.exit(f"PostgreSQL and Valkey did not start:\n{log.read_text()}", returncode=3)
