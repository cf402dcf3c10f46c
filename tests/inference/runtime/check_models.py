"""Prints how far each loader x family of models is from its reference library, on both engines.

    python -m tests.inference.runtime.check_models [family ...]

Tiny random weights, loaded and encoded as a worker does it, beside the library's own steps. The
exit status is 1 if a family differs by more than rounding without being refused.
"""

import io
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from inference.runtime import loading, torchvision_operators
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.onnx_engine.request import Engine
from inference.runtime.spec import Loader, ModelSpec

torchvision_operators.declare()

# The imports below need the line above.
from transformers import MetaClip2Config, PretrainedConfig, Siglip2Config  # noqa: E402

from inference.runtime.encoders import plain  # noqa: E402
from inference.runtime.onnx_engine import child  # noqa: E402
from tests.inference.runtime.conftest import smooth_noise  # noqa: E402
from tests.inference.runtime.images import modes  # noqa: E402
from tests.inference.runtime.tiny_models import families, tiny, tiny_siglip  # noqa: E402

LIMIT = 1e-5  # of a vector's number, in float32
TEXTS = [
    "a cat",
    "A Cat!",
    "a photo of a dog that sleeps",
    "!",
    "cat " * 74,
    "cat " * 75,
    "cat " * 298,
]
SHAPES = [(90, 61), (64, 80), (32, 32), (31, 47), (300, 224), (70, 70), (61, 90)]

# The libraries clip sixteen bits at the lowest eight, and see white (docs/adr).
COMPARED_MODES = [mode for mode in modes.MODES if not mode.startswith("I;16")]

Write = Callable[[Path], object]
Library = Callable[[Loader, Path], plain.Plain]


@dataclass(frozen=True)
class Distance:
    """Between our vectors and the library's: the least cosine, the largest difference."""

    cosine: float
    most: float

    def __str__(self) -> str:
        return f"{self.cosine:.7f} {self.most:.1e}"


@dataclass(frozen=True)
class Row:
    """What became of one family: two distances by torch and two by onnxruntime, or why it is not
    served, or not by onnxruntime."""

    loader: Loader
    family: str
    distances: Sequence[Distance] = ()
    refusal: str = ""
    onnx_distances: Sequence[Distance] = ()
    note: str = ""

    @property
    def is_right(self) -> bool:
        distances = (*self.distances, *self.onnx_distances)
        return all(distance.most <= LIMIT for distance in distances)

    def __str__(self) -> str:
        outcome = "ok" if self.is_right else "DIFFERS"
        onnx = self.onnx_distances or (f"by torch alone: {self.note}",)
        columns = [f"refused: {self.refusal}"]
        if not self.refusal:
            columns = [*map(str, self.distances), *map(str, onnx), outcome]
        return f"{self.loader:<13}{self.family:<33}{'   '.join(columns)}"


def all_families() -> dict[tuple[Loader, str], Write]:
    """How to write a model of each family into a folder that is not there yet."""
    texts = {f"text: {name}": config for name, config in families.OPEN_CLIP_TEXTS.items()}
    configs = families.OPEN_CLIP_TOWERS | texts
    of_open_clip: dict[tuple[Loader, str], Write] = {
        (Loader.OPEN_CLIP, name): partial(families.write_open_clip, config)
        for name, config in configs.items()
    }
    return of_open_clip | {
        (Loader.TRANSFORMERS, "clip"): tiny.write_transformers,
        (Loader.TRANSFORMERS, "clip, legacy eos"): partial(tiny.write_transformers, eos_token_id=2),
        (Loader.TRANSFORMERS, "clip, in shards"): _in_shards,
        (Loader.TRANSFORMERS, "clip, cropped from 48"): partial(_preprocessed, size=48),
        (Loader.TRANSFORMERS, "clip, squashed"): partial(_preprocessed, size=[40, 40]),
        (Loader.TRANSFORMERS, "clip, not resized"): partial(_preprocessed, do_resize=False),
        (Loader.TRANSFORMERS, "siglip"): tiny_siglip.write_siglip,
        (Loader.TRANSFORMERS, "siglip, 16 tokens"): partial(
            tiny_siglip.write_siglip, max_position_embeddings=16
        ),
        (Loader.TRANSFORMERS, "siglip 2"): tiny_siglip.write_siglip_2,
        (Loader.TRANSFORMERS, "siglip 2, naflex"): partial(_of_type, Siglip2Config()),
        (Loader.TRANSFORMERS, "metaclip 2"): partial(_of_type, MetaClip2Config()),
    }


def rows(names: Sequence[str] = (), library: Library = plain.load) -> Iterator[Row]:
    for (loader, name), write in all_families().items():
        if not names or name in names:
            with tempfile.TemporaryDirectory() as folder:
                yield _row(loader, name, write, Path(folder), library)


def main(names: Sequence[str], library: Library = plain.load) -> int:
    """`library` gives the reference that a folder's model is compared with."""
    print(
        f"{'loader':<13}{'family':<33}images: cosine, most   texts: cosine, most   by onnxruntime"
    )
    wrong = 0
    for row in rows(names, library):
        print(row, flush=True)
        wrong += not row.is_right
    return 1 if wrong else 0


def _row(loader: Loader, name: str, write: Write, root: Path, library: Library) -> Row:
    spec = ModelSpec(repo="tiny/model", loader=loader, open_clip_model="", revision="")
    folder = root / spec.folder
    write(folder)
    try:
        encoder = loading.load(spec, model_dir=root, cache_dir=root / "cache")
    except WeightsUnusable as error:
        return Row(loader, name, refusal=str(error).replace(str(root), "…").splitlines()[0])
    reference = library(loader, folder)
    pictures = [smooth_noise(*shape, seed=seed) for seed, shape in enumerate(SHAPES)]
    # Anew each time: the libraries differ in which of these they flatten before they resize.
    pictures += [Image.open(io.BytesIO(modes.MODES[mode]())) for mode in COMPARED_MODES]
    expected = reference.images(pictures), reference.texts(TEXTS)
    exported = _exported(spec, folder, root)
    return Row(
        loader,
        name,
        _distances(encoder, pictures, expected),
        onnx_distances=_distances(exported, pictures, expected)
        if exported.engine == Engine.ONNXRUNTIME
        else (),
        note=exported.engine_note,
    )


def _exported(spec: ModelSpec, folder: Path, root: Path) -> Encoder:
    """As a worker gets it, but for the child: its imports would take most of the time."""
    options = loading.Options(engine=Engine.ONNXRUNTIME)
    request = loading.export_request(spec, folder, root / "cache", options)
    request.target.parent.mkdir(parents=True)
    with warnings.catch_warnings(action="ignore"):  # of torch's tracing
        child.main(request.to_json())
    return loading.load(spec, model_dir=root, cache_dir=root / "cache", options=options)


def _distances(
    encoder: Encoder, pictures: Sequence[Image.Image], expected: tuple[Embeddings, Embeddings]
) -> tuple[Distance, Distance]:
    images, texts = expected
    return (
        _distance(encoder.encode_images(pictures), images),
        _distance(encoder.encode_texts(TEXTS), texts),
    )


def _distance(ours: Embeddings, theirs: Embeddings) -> Distance:
    cosines = (ours * theirs).sum(axis=1)
    return Distance(float(cosines.min()), float(np.abs(ours - theirs).max()))


def _in_shards(folder: Path) -> None:
    model = tiny.write_transformers(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="5MB")


def _preprocessed(folder: Path, **fields: object) -> None:
    tiny.write_transformers(folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _of_type(config: PretrainedConfig, folder: Path) -> None:
    tiny.write_transformers(folder)
    config.save_pretrained(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
