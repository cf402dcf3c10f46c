"""Web, house and fetch processes run where the extra `worker` is not installed.

They have what `dependencies` of pyproject.toml and the extra `s3` bring, and nothing else.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import lean

COMPUTING = {"torch", "torchvision", "transformers", "open_clip", "timm", "tokenizers"}

WEB = """
import config.asgi
from django.core.checks import run_checks
from django.urls import get_resolver
get_resolver().url_patterns
run_checks()
"""
# Celery makes its bootsteps, and so imports what a worker that serves models needs.
THREADS = """
from config.celery import app
app.Worker(queues=["house", "fetch", "webhooks"], pool="threads", beat=True, quiet=True)
assert "inference.worker.process" in sys.modules
"""
# All modules, in case a page imports one of them late.
EVERYTHING = """
import django
django.setup()
from importlib import import_module
from pkgutil import walk_packages
for package in ("catalog", "accounts", "inference", "config"):
    for module in walk_packages(import_module(package).__path__, f"{package}."):
        is_of_an_extra = module.name.startswith("inference.runtime.") or module.name in {
            "config.watching.otlp", "config.watching.sentry"
        }
        if not is_of_an_extra and "__main__" not in module.name:
            import_module(module.name)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lean.install(tmp_path_factory.mktemp("lean"), "s3")


def run(packages: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | lean.environment(packages) | variables
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [*lean.PYTHON, *arguments],
        cwd=lean.PROJECT_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_extra_holds_what_computes(packages: Path) -> None:
    installed = {path.name for path in packages.iterdir()}

    assert {"django", "celery", "numpy", "PIL"} <= installed
    assert not COMPUTING & installed


@pytest.mark.parametrize("code", [WEB, THREADS, EVERYTHING], ids=["web", "threads", "everything"])
def test_it_starts_without_the_extra(packages: Path, code: str) -> None:
    finished = run(packages, "-c", f"import sys{code}print(*sys.modules)")

    assert finished.returncode == 0, finished.stderr
    assert not COMPUTING & set(finished.stdout.split())


WATCHING = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "SENTRY_DSN": "http://k@[::1]/1"}


def test_what_watches_is_imported_only_where_settings_ask_for_it() -> None:
    code = "import config.asgi, sys; print(*sys.modules)"

    off = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    on = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | WATCHING,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    watching = {"opentelemetry.sdk.trace", "opentelemetry.exporter", "sentry_sdk"}
    assert not watching & set(off)
    assert watching <= set(on)


def test_settings_without_the_extra_that_watches_are_one_line_of_the_log(packages: Path) -> None:
    finished = run(packages, "-c", "import config.asgi", **WATCHING)

    assert finished.returncode == 0, finished.stderr
    lines = [line for line in finished.stderr.splitlines() if "has no effect" in line]
    assert [line.split()[4] for line in lines] == ["OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN"]
    assert all(".[watching]" in line for line in lines)


def test_a_check_finds_settings_without_the_extra_that_watches(packages: Path) -> None:
    finished = run(packages, "manage.py", "check", "--deploy", **WATCHING)

    assert finished.returncode == 1
    assert "(config.E003) SENTRY_DSN has no effect: sentry_sdk is missing." in finished.stderr
    assert "(config.E003) OTEL_EXPORTER_OTLP_ENDPOINT has no effect" in finished.stderr


@pytest.mark.parametrize("command", ["run_worker", "compute_facts"])
def test_what_computes_names_the_extra(packages: Path, command: str) -> None:
    finished = run(packages, "manage.py", command)

    assert finished.returncode == 1
    assert "This machine has no torch, transformers" in finished.stderr
    assert ".[worker]" in finished.stderr
