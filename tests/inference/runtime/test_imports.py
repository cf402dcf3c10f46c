"""What must happen before torch is imported, each in a process of its own."""

import os
import subprocess
import sys

import pytest

from inference.runtime.cpu import threads

LIGHT = [
    "spec",
    "errors",
    "encoder",
    "images.preprocessing",
    "zero_shot",
    "weights.store",
    "cpu.threads",
    "loading",
]


def run(code: str, **environment: str) -> str:
    cleared = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=cleared | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


def test_light_modules_do_not_import_torch() -> None:
    imports = "\n".join(f"import inference.runtime.{name}" for name in LIGHT)

    loaded = run(f"{imports}\nimport sys\nprint(*sys.modules)").split()

    assert not {"torch", "transformers", "open_clip"} & set(loaded)


def test_declared_schemas_let_open_clip_and_clip_model_be_imported() -> None:
    imported = run(
        "from inference.runtime import torchvision_operators as schemas\n"
        "first = schemas.declare()\n"
        "assert schemas.declare() is first\n"
        "import torch, torchvision, open_clip\n"
        "from transformers import CLIPModel\n"
        "print(hasattr(torch.ops.torchvision, 'nms'), CLIPModel.__name__)"
    )

    assert imported == "True CLIPModel"


def test_schemas_are_left_alone_where_the_real_operators_exist() -> None:
    declared = run(
        "import torch\n"
        "real = torch.library.Library('torchvision', 'FRAGMENT')\n"
        "for name in ('nms', 'qnms'):\n"
        "    real.define(name + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "from inference.runtime import torchvision_operators\n"
        "print(torchvision_operators.declare())"
    )

    assert declared == "None"


WAIT = (
    "import os\nfrom inference.runtime.cpu import threads\nthreads.wait_passively()\n"
    "print(os.environ['OMP_WAIT_POLICY'])"
)


def test_idle_threads_wait_passively() -> None:
    assert run(WAIT) == "PASSIVE"


def test_the_operator_s_own_wait_policy_stays() -> None:
    assert run(WAIT, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"


def test_waiting_passively_too_late_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that it is restored afterwards
    monkeypatch.delenv("OMP_WAIT_POLICY")

    threads.wait_passively()

    assert "torch was imported before" in caplog.text


def test_threads_are_limited() -> None:
    count = run(
        "from inference.runtime.cpu import threads\nthreads.limit_threads(1)\n"
        "import torch\nprint(torch.get_num_threads())"
    )

    assert count == "1"


def test_no_threads_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        threads.limit_threads(0)


def test_threads_may_be_left_to_torch() -> None:
    threads.limit_threads(None)
