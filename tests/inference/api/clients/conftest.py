"""Runs the cases of tests/js with Node, against the server of these tests."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.inference.api.clients import programs
from tests.inference.api.clients.table import NODE_MODULES
from tests.inference.api.conftest import Api, in_base64

NODE = shutil.which("node")
JS = NODE_MODULES.parent
PATIENCE_S = 60


@dataclass(frozen=True)
class Outcome:
    """What a case returned, or the error it threw; each answer's status, each pause in seconds."""

    value: Any = None  # JSON
    error: dict[str, Any] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)


Run = Callable[..., Outcome]


@pytest.fixture
def node() -> str:
    """Node's path; skips where it or the packages are missing."""
    if NODE is None or not (NODE_MODULES / "openai").exists():
        pytest.skip("no Node, or no packages: `apt install nodejs npm`, `make tools`")
    return NODE


@pytest.fixture
def run_js(api: Api, node: str) -> Run:
    """run_js("openai_cases.mjs", "list", NAME="a model"): the case's outcome."""

    def run(file: str, case: str, **variables: str) -> Outcome:
        environment = {
            "API": api.base_url,
            "API_KEY": api.secret,
            "MODEL": api.card.repo,
            "NAME": api.card.repo,
            "PHOTO": in_base64(),
        }
        answer = programs.answer_of_node(
            JS / "run.mjs",
            JS / file,
            case,
            timeout_s=PATIENCE_S,
            environ=environment | variables,
        )
        return Outcome(**answer)

    return run
