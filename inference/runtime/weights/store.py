"""Finds weights on this machine, and fetches them from the hub.

<model_dir>/owner--name/               complete weights; REVISION names the commit, and VERIFIED
                                       the files that the hub's hashes were compared with
<model_dir>/.partial/owner--name@…/    what an interrupted `fetch` left, and goes on from
"""

import logging
import math
from collections.abc import Collection, Sequence
from itertools import chain
from pathlib import Path
from shutil import rmtree
from uuid import uuid4

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT
from huggingface_hub.errors import HFValidationError

from inference.runtime.architecture import text_tower
from inference.runtime.errors import HubUnreachable, WeightsMissing, WeightsUnusable
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import layout, provenance, shards
from inference.runtime.weights.hub import Source
from inference.runtime.weights.provenance import Listing
from inference.runtime.weights.safetensors_header import locations
from inference.runtime.weights.stand_ins import stand_in_of

log = logging.getLogger(__name__)

_REVISION = "REVISION"


def find(spec: ModelSpec, model_dir: Path) -> Path | None:
    """The folder that holds the complete weights at the pinned revision, or None.

    Looks in `model_dir`, then in the hub's own cache on this machine. For a stand-in it is the
    folder of the installed package. Never touches the network.
    """
    if spec.loader is Loader.CONSE:
        return stand_in_of(spec).folder()
    for folder in (*_own_folders(spec, model_dir), _cached_snapshot(spec)):
        if folder is not None and _holds(folder, spec):
            return folder
    return None


def _own_folders(spec: ModelSpec, model_dir: Path) -> list[Path]:
    folders = [model_dir / spec.folder]
    old = model_dir / spec.old_folder
    # Two repositories may have had the same: only its commit tells whose weights they are.
    if spec.old_folder and (old / _REVISION).is_file():
        folders.append(old)
    return folders


def fetch(spec: ModelSpec, model_dir: Path, *, endpoint: str | None = None) -> Path:
    """Downloads what the loader reads, at the pinned revision; returns the folder.

    Resumes where an interrupted call stopped. The folder gets its final name only when every file
    is there, so that `find` never sees half of it. What was fetched, or was here already, is
    compared with the hub's hashes (provenance). `endpoint` defaults to HF_ENDPOINT.
    Raises HubUnreachable; WeightsUnusable if the repository, the revision or a safetensors file
    does not exist; WeightsMissing for a stand-in, which comes with pip.
    """
    if spec.loader is Loader.CONSE:
        raise WeightsMissing.of_demo(stand_in_of(spec).package)
    source = Source(spec.repo, spec.revision, endpoint=endpoint or ENDPOINT)
    folder = model_dir / spec.folder
    if (found := find(spec, model_dir)) in _own_folders(spec, model_dir):
        folder = found or folder
        text_tower.fetch(folder, endpoint=source.endpoint)
        _verify_if_possible(spec, folder, source)
        return folder
    partial = model_dir / ".partial" / f"{spec.folder}@{spec.revision}"
    listing = source.listing()
    weights = _weights_name(listing.names, spec)
    if missing := layout.missing_configs(listing.names, spec.loader):
        raise WeightsUnusable(
            f"{spec.repo} at revision {spec.revision} lacks {' and '.join(missing)}."
        )
    configs = chain.from_iterable(layout.CONFIGS[spec.loader])
    source.download_small([*configs, *layout.TOKENIZER], partial)
    _download_weights(weights, source, partial)
    text_tower.fetch(partial, endpoint=source.endpoint)
    _delete_damaged(_verify(spec, partial, listing), spec)
    (partial / _REVISION).write_text(spec.revision)
    return _publish(partial, folder)


def count_numbers(spec: ModelSpec, folder: Path) -> int:
    """Numbers in the weights file, about its parameters, read from the header; 0 if unknown."""
    try:
        paths = layout.weight_files(spec, folder)
    except WeightsUnusable:
        return 0  # loading will say what is wrong
    tensors = [location for path in paths for location in locations(path).values()]
    return sum(math.prod(location.shape) for location in tensors)


def _holds(folder: Path, spec: ModelSpec) -> bool:
    # A folder copied here by hand has no REVISION file, and is trusted to be the right one.
    mark = folder / _REVISION
    if mark.is_file() and mark.read_text().strip() != spec.revision:
        return False
    if layout.missing_configs(_file_names(folder), spec.loader):
        return False
    try:
        weights = layout.weight_files(spec, folder)
    except WeightsUnusable:
        return True  # loading will say what is wrong
    return bool(weights) and all(path.is_file() for path in weights)


def _file_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()


def _cached_snapshot(spec: ModelSpec) -> Path | None:
    config = layout.CONFIGS[spec.loader][0][0]
    try:
        path = try_to_load_from_cache(spec.repo, config, revision=spec.revision)
    except HFValidationError:
        return None  # no name that the hub has, so the card is of this site alone
    return Path(path).parent if isinstance(path, str) else None


def _weights_name(names: Collection[str], spec: ModelSpec) -> str:
    # One file, though a repository may hold both names: gigabytes are not fetched twice.
    for name in layout.WEIGHTS[spec.loader]:
        if name in names:
            return name
    raise WeightsUnusable(
        f"{spec.repo} at revision {spec.revision} holds no safetensors file that the loader "
        f"{spec.loader} reads ({', '.join(layout.WEIGHTS[spec.loader])}); pickles are not loaded. "
        "Pin a revision that has one."
    )


def _download_weights(name: str, source: Source, folder: Path) -> None:
    names = [name]
    if name == shards.INDEX:
        source.download_small([name], folder)
        names = shards.names(folder / name)
    for name in names:
        if not (folder / name).is_file():  # a shard that an interrupted call has completed
            source.download_big(name, folder)


def _verify(spec: ModelSpec, folder: Path, listing: Listing) -> list[Path]:
    """Record that the folder holds the pinned commit, if it does; returns the files that differ."""
    files = layout.files_read(spec, folder)
    matches = {path: listing.matches(path, folder) for path in files}
    if listing.commit == spec.revision and all(matches.values()):
        provenance.record(folder, repo=spec.repo, commit=listing.commit, files=files)
    return [path for path, is_same in matches.items() if is_same is False]


def _delete_damaged(files: Sequence[Path], spec: ModelSpec) -> None:
    if files:
        for path in files:
            path.unlink()
        names = ", ".join(path.name for path in files)
        raise WeightsUnusable(
            f"{names} of {spec.repo} arrived damaged and was deleted: fetch it again."
        )


def _verify_if_possible(spec: ModelSpec, folder: Path, source: Source) -> None:
    """Of a folder that is here already, placed by hand or by an older version of this module."""
    if provenance.is_recorded(folder):
        return
    try:
        differing = _verify(spec, folder, source.listing())
    except (HubUnreachable, WeightsUnusable) as error:
        log.info("not compared with the hub model=%s: %s", spec.repo, error)
    else:
        if differing:
            names = ",".join(path.name for path in differing)
            log.warning("not the pinned commit's model=%s files=%s", spec.repo, names)


def _publish(partial: Path, folder: Path) -> Path:
    """Renames complete weights to their final folder, replacing another revision's."""
    replaced = partial.with_name(f"{uuid4().hex}.replaced")
    if folder.exists():
        folder.rename(replaced)
    partial.rename(folder)
    rmtree(replaced, ignore_errors=True)
    return folder
