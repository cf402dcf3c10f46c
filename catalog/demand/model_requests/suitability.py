"""Whether a model on the hub is one that this catalog could serve, and if not, why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import ModelInfo

from catalog.demand.model_requests import architectures, formats
from catalog.demand.model_requests.architectures import Architecture
from catalog.demand.model_requests.formats import FORMATS
from catalog.hub.client import Garbled, Hub, TooLong
from catalog.models import Loader

Files = Mapping[str, int]  # bytes by name

MOST_WEIGHTS_BYTES = 20 * 10**9
MOST_CONFIG_BYTES = 1_000_000
ZERO_SHOT_IMAGE = "zero-shot-image-classification"
NAFLEX = "siglip2"  # a config.json's model_type; SigLIP 2 at a fixed resolution says siglip
CLIP_LIKE = {"clip", "open_clip", "siglip", "siglip2"}
# Tasks that CLIP-like models are filed under when nobody said better.
PLAUSIBLE_TASKS = {None, ZERO_SHOT_IMAGE, "feature-extraction", "image-feature-extraction"}
OPEN_CLIP_CONFIG, TRANSFORMERS_CONFIG = "open_clip_config.json", "config.json"
UNKNOWN_BUILD = (
    "Its files do not tell us how it is built. We can read an open_clip_config.json, and a "
    "config.json of the usual CLIP and SigLIP sizes."
)
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
    if not any(name.endswith(".safetensors") for name in _files(info)):
        raise Unsuitable(
            "It has no weights as safetensors, the only format we load: other formats can hold "
            "code. Its authors can convert it."
        )


def _is_clip_like(info: ModelInfo) -> bool:
    if info.pipeline_tag == ZERO_SHOT_IMAGE:
        return True
    named = {info.library_name, *(info.tags or []), _model_type(info)}
    return info.pipeline_tag in PLAUSIBLE_TASKS and not CLIP_LIKE.isdisjoint(named)


def _model_type(info: ModelInfo) -> str:
    config: Any = info.config  # whatever JSON the hub sent
    return str(config.get("model_type", "")) if isinstance(config, Mapping) else ""


def _files(info: ModelInfo) -> Files:
    """Bytes of each file at the top, where loaders look; 0 where the hub states none."""
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    return {name: size for name, size in files.items() if "/" not in name}


def _architecture(info: ModelInfo, hub: Hub) -> Architecture:
    """By the first loader that finds all its files and understands them; raises Unsuitable."""
    refusals = []
    for loader in FORMATS:
        try:
            architecture = _READ[loader](info, hub)
            _check_files(loader, info, hub)
            return architecture
        except Unsuitable as refusal:
            refusals.append(refusal)
    raise _most_telling(refusals, _files(info))


def _most_telling(refusals: list[Unsuitable], files: Files) -> Unsuitable:
    """The one of the loader whose configuration the repository has."""
    names = (OPEN_CLIP_CONFIG, TRANSFORMERS_CONFIG)
    of_config = dict(zip(names, refusals, strict=True))
    for name in reversed(names):
        if name in files:
            return of_config[name]
    return Unsuitable(UNKNOWN_BUILD)


def _check_files(loader: Loader, info: ModelInfo, hub: Hub) -> None:
    files, wanted = _files(info), FORMATS[loader]
    if missing := wanted.missing_configs(files):
        raise Unsuitable(f"It has no {' and no '.join(missing)}, which we need to load it.")
    if loader is Loader.TRANSFORMERS and formats.IMAGE_PROCESSOR not in files:
        _check_processors(info, hub)
    weights = wanted.weights_name(files)
    if weights is None:
        raise Unsuitable(
            f"Its safetensors files have other names than those we load: we look for "
            f"{' or '.join(wanted.weights)}."
        )
    _check_size(_shards(info, hub) if weights == formats.INDEX else [weights], files)


def _check_processors(info: ModelInfo, hub: Hub) -> None:
    """Older files of this name hold no image processor, which then has a file of its own."""
    processors = _config(info, formats.PROCESSORS, hub)
    if not isinstance(processors.get("image_processor"), Mapping):
        raise Unsuitable(f"It has no {formats.IMAGE_PROCESSOR}, which we need to load it.")


def _shards(info: ModelInfo, hub: Hub) -> list[str]:
    listed = _config(info, formats.INDEX, hub)["weight_map"]
    return sorted({str(name) for name in listed.values()})


def _check_size(weights: list[str], files: Files) -> None:
    if missing := [name for name in weights if name not in files]:
        raise Unsuitable(f"Its {formats.INDEX} lists files that it does not have: {missing[0]:.80}")
    size = sum(files[name] for name in weights)
    if size > MOST_WEIGHTS_BYTES:
        most = MOST_WEIGHTS_BYTES // 10**9
        raise Unsuitable(f"Its weights are {size / 10**9:.0f} GB. We load up to {most} GB.")


def _of_open_clip(info: ModelInfo, hub: Hub) -> Architecture:
    if OPEN_CLIP_CONFIG not in _files(info):
        raise Unsuitable(UNKNOWN_BUILD)
    return _known(architectures.of_open_clip(info.id, _config(info, OPEN_CLIP_CONFIG, hub)))


def _of_transformers(info: ModelInfo, hub: Hub) -> Architecture:
    files = _files(info)
    if TRANSFORMERS_CONFIG not in files:
        raise Unsuitable(UNKNOWN_BUILD)
    config = _config(info, TRANSFORMERS_CONFIG, hub)
    if config.get("model_type") == NAFLEX:
        raise Unsuitable(
            "It is a NaFlex model, which reads images of any shape. We serve SigLIP 2 at a fixed "
            "resolution: please ask for that one."
        )
    if config.get("quantization_config") is not None:
        raise Unsuitable("Its weights are quantized, which we cannot load.")
    architecture = _known(architectures.of_transformers(config))
    if formats.lacks_tokenizer(config["model_type"], files):
        raise Unsuitable("It has no tokenizer that we can read, and so no way to read labels.")
    return architecture


def _known(architecture: Architecture | None) -> Architecture:
    if architecture is None or len(architecture.open_clip_model) > LONGEST_NAME:
        raise Unsuitable(UNKNOWN_BUILD)
    return architecture


_READ = {Loader.OPEN_CLIP: _of_open_clip, Loader.TRANSFORMERS: _of_transformers}


def _config(info: ModelInfo, name: str, hub: Hub) -> Mapping[str, Any]:
    try:
        # At the commit that the rest was read of.
        return hub.json_file(info.id, name, revision=info.sha, most_bytes=MOST_CONFIG_BYTES)
    except TooLong:
        raise Unsuitable(f"Its {name} is too long to be read.") from None
