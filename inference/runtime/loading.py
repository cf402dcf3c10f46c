"""From a spec to a ready encoder."""

from pathlib import Path

from inference.runtime import weights
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsMissing
from inference.runtime.spec import Loader, ModelSpec


def load(spec: ModelSpec, *, model_dir: Path, cache_dir: Path, device: str = "cpu") -> Encoder:
    """The encoder of `spec`, its weights in float32 on `device`.

    Imports torch. `cache_dir` is where the stand-in keeps what it derives from its packages.
    Raises WeightsMissing if `weights.find` finds nothing, WeightsUnusable if loading fails.
    """
    folder = weights.find(spec, model_dir)
    if folder is None:
        raise _missing(spec)
    match spec.loader:
        case Loader.CONSE:
            from inference.runtime import conse

            return conse.load(spec, cache_dir=cache_dir, device=device)
        case Loader.OPEN_CLIP:
            from inference.runtime import open_clip_model

            return open_clip_model.load(spec, folder, device=device)
        case Loader.TRANSFORMERS:
            from inference.runtime import transformers_clip

            return transformers_clip.load(spec, folder, device=device)


def _missing(spec: ModelSpec) -> WeightsMissing:
    package = weights.missing_demo_package() if spec.loader is Loader.CONSE else None
    return WeightsMissing.of_demo(package) if package else WeightsMissing.of(spec.repo)
