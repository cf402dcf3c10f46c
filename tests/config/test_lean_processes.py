"""Web, house and fetch processes run where the extra `worker` is not installed.

They have what `dependencies` of pyproject.toml and the extra `s3` bring, and nothing else.
"""

import os
import subprocess
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
        if not module.name.startswith("inference.runtime.") and "__main__" not in module.name:
            import_module(module.name)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lean.install(tmp_path_factory.mktemp("lean"), "s3")


def run(packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | lean.environment(packages)
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


@pytest.mark.parametrize("command", ["run_worker", "compute_facts"])
def test_what_computes_names_the_extra(packages: Path, command: str) -> None:
    finished = run(packages, "manage.py", command)

    assert finished.returncode == 1
    assert "This machine has no torch, transformers" in finished.stderr
    assert ".[worker]" in finished.stderr
