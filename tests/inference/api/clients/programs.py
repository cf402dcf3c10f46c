"""Snippets as programs: filled in, and run as a visitor would."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from inference.docs import snippets
from inference.kinds.kind import Code
from tests.inference.api.clients.table import NODE_MODULES


def run(
    name: str,
    code: str,
    *arguments: str,
    folder: Path,
    secret: str,
    program: Sequence[str] = (),
    timeout_s: float = 60,
    **more: str,
) -> str:
    """What it prints; fails if it does. `program`: another than the one for such files."""
    (folder / name).write_text(code)
    done = subprocess.run(
        [*(program or _program(name)), name, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIGAROUTER_API_KEY": secret} | more,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer_of_node(
    *command: str | Path, timeout_s: float, environ: Mapping[str, str]
) -> dict[str, Any]:
    """The JSON that a script of `tests/js` prints; fails if it does."""
    done = subprocess.run(
        ["node", *command],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _program(name: str) -> list[str]:
    program = {"py": [sys.executable, "-W", "error"], "mjs": ["node"], "sh": ["bash", "-eu"]}
    command = program[name.rpartition(".")[2]]
    is_missing = not shutil.which(command[0]) or (command == ["node"] and not NODE_MODULES.exists())
    if is_missing or (name.endswith(".sh") and not shutil.which("curl")):
        pytest.skip(f"{command[0]}, curl, or the packages of `make tools` are missing")
    return command


def code_of(file_name: str, code: Code | None = None, *, model: str = snippets.MODEL) -> str:
    name, _, ending = file_name.partition(".")
    shown = snippets.fill(code or Code(snippet=name), model=model)
    [snippet] = [snippet for snippet in shown if snippet.client == ending]
    return snippet.code
