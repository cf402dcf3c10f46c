"""Text towers that open_clip builds from the configuration of another repository.

An open_clip_config.json names that repository (text_cfg.hf_model_name), but no revision, and
open_clip would ask the hub for it at each load. So it is fetched once with the weights, into
<folder>/text_tower/, and loading reads only that.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inference.runtime.errors import WeightsUnusable
from inference.runtime.weights.hub import Source

FOLDER = "text_tower"
CONFIG = "config.json"
_OPEN_CLIP_CONFIG = "open_clip_config.json"
_REPO = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def fetch(folder: Path, *, endpoint: str) -> None:
    """Adds the configuration to a folder that has everything else, if its model needs one.

    Taken at the newest commit, which REVISION then names. Raises as `Source` does.
    """
    name = _hub_name(folder)
    tower = folder / FOLDER
    if name is None or (tower / CONFIG).is_file():
        return
    revision = Source(name, "main", endpoint=endpoint).commit()
    Source(name, revision, endpoint=endpoint).download_small([CONFIG], tower)
    (tower / "REVISION").write_text(f"{name} {revision}")


@contextmanager
def at_hand(folder: Path) -> Iterator[Path]:
    """The folder as open_clip may load it: it names nothing that is on the hub only.

    That is the folder itself, or for the length of the context a copy of links to its files.
    Raises WeightsUnusable if the configuration is not there.
    """
    name = _hub_name(folder)
    if name is None:
        yield folder
        return
    if not (folder / FOLDER / CONFIG).is_file():
        raise WeightsUnusable(
            f"{folder} builds its text tower from the {CONFIG} of {name}, and does not hold it in "
            f"{FOLDER}/. Fetch the model again, or put the file there."
        )
    with TemporaryDirectory(prefix="open-clip-") as copy:
        for path in folder.iterdir():
            if path.name != _OPEN_CLIP_CONFIG:
                (Path(copy) / path.name).symlink_to(path.resolve())
        config = json.loads((folder / _OPEN_CLIP_CONFIG).read_text())
        config["model_cfg"]["text_cfg"]["hf_model_name"] = str((folder / FOLDER).resolve())
        (Path(copy) / _OPEN_CLIP_CONFIG).write_text(json.dumps(config))
        yield Path(copy)


def _hub_name(folder: Path) -> str | None:
    """The other repository; None if there is none, or the config cannot be read at all."""
    try:
        content: Any = json.loads((folder / _OPEN_CLIP_CONFIG).read_text())  # whatever JSON it is
        name = content["model_cfg"]["text_cfg"]["hf_model_name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # loading will say what is wrong
    # An absolute path was written by whoever placed the folder here: no repository has one.
    if not name or Path(str(name)).is_absolute():
        return None
    if not isinstance(name, str) or not _REPO.fullmatch(name):
        raise WeightsUnusable(f"{folder} names no repository as hf_model_name: {name!r}")
    return name
