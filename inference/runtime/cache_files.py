"""Small files under the cache directory that several processes may read and write."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any


def replace(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file whole or not at all: others see the old one until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
        write(file)
    Path(file.name).replace(path)


def write_json(path: Path, content: Any) -> None:  # whatever JSON can hold
    replace(path, lambda file: _write(file, json.dumps(content, sort_keys=True)))


def read_json(path: Path) -> Any:
    """The content; None where there is no such file, or it is damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _write(file: IO[bytes], text: str) -> None:
    file.write(text.encode())
