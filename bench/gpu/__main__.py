"""Checks and measures one device, and writes what it found as JSON.

    python -m bench.gpu [--device cuda] [--small] [--minutes 8] [--out FILE] [--wheels FOLDER]

On CUDA it needs a CUDA build of torch; what else is missing on a bare machine is installed from a
folder of wheels, without a network. `--small` takes small models: on a CPU the whole run is tried
so, but for CUDA itself. The exit status is 1 if vectors differ by more than they may, or a part
failed. A part that the time does not suffice for is named, and counts as not run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

SMALL = ("ViT-S-32", "ViT-S-16")
LARGE = ("ViT-B-32", "ViT-L-14", "ViT-bigG-14")


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    if options.wheels:
        _install(options.wheels)
    # Only now: on a bare machine these come with the wheels.
    from bench.gpu import parts
    from bench.gpu.stage import Stage

    with tempfile.TemporaryDirectory(prefix="gigarouter-gpu-") as folder:
        names = SMALL if options.small else LARGE
        stage = Stage(options.device, Path(folder), names, seconds=options.seconds)
        found = _run(parts.PARTS, stage, until_s=time.monotonic() + 60 * options.minutes)
    report = {"hardware": stage.hardware, "date": time.strftime("%Y-%m-%d"), **found}
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    return 0 if all(part.get("ok", False) for part in found["parts"].values()) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make gpu-check")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="small models")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--out", type=Path, help="where the figures go")
    parser.add_argument("--wheels", type=Path, help="a folder to install from")
    return parser.parse_args(arguments)


def _install(wheels: Path) -> None:
    files = sorted(map(str, wheels.glob("*.whl")))
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", *files]
    subprocess.run(command, check=True)


# Any: figures, as JSON has them.
def _run(
    parts: Mapping[str, Callable[[Any], dict[str, Any]]], stage: Any, *, until_s: float
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in parts.items():
        if time.monotonic() > until_s:
            found[name] = {"ok": False, "skipped": "no time left"}
            continue
        began_s = time.monotonic()
        try:
            found[name] = {"ok": True} | part(stage)
        except Exception as error:  # noqa: BLE001  the edge: the other parts are run all the same
            found[name] = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            traceback.print_exc()
        found[name]["took_s"] = round(time.monotonic() - began_s, 1)
        sys.stderr.write(f"{name}: {found[name]}\n")
    return {"parts": found}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
