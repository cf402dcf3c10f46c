"""Small files under the cache directory that several processes may read and write."""

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

log = logging.getLogger(__name__)


def replace(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file whole or not at all: others see the old one until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
        write(file)
    Path(file.name).replace(path)


def write_json(path: Path, content: Any) -> None:  # whatever JSON can hold
    """Best effort: what is remembered here can be found out again."""
    try:
        replace_json(path, content)
    except OSError as error:  # a full disk, or a folder that is read-only
        log.warning("not remembered path=%s error=%s", path, error)


def replace_json(path: Path, content: Any) -> None:
    """As `replace`; raises OSError."""
    encoded = json.dumps(content, sort_keys=True).encode()
    replace(path, lambda file: _write(file, encoded))


def read_json(path: Path) -> Any:
    """The content; None where there is no such file, or it is damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)
