"""Whether a model on the hub is one that this catalog could serve, and if not, why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import ModelInfo

from catalog.demand.model_requests import architectures
from catalog.demand.model_requests.architectures import Architecture
from catalog.hub.client import Garbled, Hub, TooLong

MOST_WEIGHTS_BYTES = 20 * 10**9
MOST_CONFIG_BYTES = 1_000_000
ZERO_SHOT_IMAGE = "zero-shot-image-classification"
CLIP_LIKE = {"clip", "open_clip", "siglip", "siglip2"}
# Tasks that CLIP-like models are filed under when nobody said better.
PLAUSIBLE_TASKS = {None, ZERO_SHOT_IMAGE, "feature-extraction", "image-feature-extraction"}
OPEN_CLIP_CONFIG, TRANSFORMERS_CONFIG = "open_clip_config.json", "config.json"
LONGEST_NAME = 80  # of an architecture


class Unsuitable(Exception):
    """We cannot serve this model; the message is a sentence for the person who asked."""


@dataclass(frozen=True)
class Candidate:
    """A model that we could serve: its id as the hub writes it, and how it is built."""

    repo: str
    architecture: Architecture


def examine(repo: str, hub: Hub) -> Candidate:
    """Ask the hub about a model that it has shown us before. Raises Unsuitable and HubError."""
    info = hub.model_info(repo)
    try:
        check_stated(info)
        return Candidate(str(info.id), _architecture(info, hub))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        # The client library does not check what it passes on.
        raise Garbled(f"the hub's answer for {repo} makes no sense ({error!r:.80})") from error


def check_stated(info: ModelInfo) -> None:
    if info.private or info.gated or info.disabled:
        raise Unsuitable("It is private or gated: we serve only what everybody may download.")
    if not _is_clip_like(info):
        raise Unsuitable(
            "It is not filed as a zero-shot image model: this catalog is for CLIP and its kin."
        )
    weights = [size for name, size in _files(info).items() if name.endswith(".safetensors")]
    if not weights:
        raise Unsuitable(
            "It has no weights as safetensors, the only format we load: other formats can hold "
            "code. Its authors can convert it."
        )
    if sum(weights) > MOST_WEIGHTS_BYTES:
        raise Unsuitable(
            f"Its weights are {sum(weights) / 10**9:.0f} GB. We load up to "
            f"{MOST_WEIGHTS_BYTES // 10**9} GB."
        )


def _is_clip_like(info: ModelInfo) -> bool:
    if info.pipeline_tag == ZERO_SHOT_IMAGE:
        return True
    named = {info.library_name, *(info.tags or []), _model_type(info)}
    return info.pipeline_tag in PLAUSIBLE_TASKS and not CLIP_LIKE.isdisjoint(named)


def _model_type(info: ModelInfo) -> str:
    config: Any = info.config  # whatever JSON the hub sent
    return str(config.get("model_type", "")) if isinstance(config, Mapping) else ""


def _files(info: ModelInfo) -> dict[str, int]:
    """Bytes of each file at the top, where loaders look; 0 where the hub states none."""
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    return {name: size for name, size in files.items() if "/" not in name}


def _architecture(info: ModelInfo, hub: Hub) -> Architecture:
    files = _files(info)
    architecture = None
    if OPEN_CLIP_CONFIG in files:
        architecture = architectures.of_open_clip(info.id, _config(info, OPEN_CLIP_CONFIG, hub))
    if architecture is None and TRANSFORMERS_CONFIG in files:
        architecture = architectures.of_transformers(_config(info, TRANSFORMERS_CONFIG, hub))
    if architecture is None or len(architecture.open_clip_model) > LONGEST_NAME:
        raise Unsuitable(
            "Its files do not tell us how it is built. We can read an open_clip_config.json, and a "
            "config.json of the usual CLIP and SigLIP sizes."
        )
    return architecture


def _config(info: ModelInfo, name: str, hub: Hub) -> Mapping[str, Any]:
    try:
        # At the commit that the rest was read of.
        return hub.json_file(info.id, name, revision=info.sha, most_bytes=MOST_CONFIG_BYTES)
    except TooLong:
        raise Unsuitable(f"Its {name} is too long to be read.") from None
