"""What the CLIP engines share: images and texts in, rows of length one out."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from huggingface_hub.errors import StrictDataclassError
from PIL import Image
from safetensors import SafetensorError

from inference.runtime import devices
from inference.runtime.cpu import compiling, lanes, packing
from inference.runtime.encoder import Agreement, Embeddings, TokenCount
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Preprocessing
from inference.runtime.self_check.shortcuts import Shortcut
from inference.runtime.spec import ModelSpec

if TYPE_CHECKING:
    import torch

# What the libraries raise for configs and files that make no sense, or that need what is not
# installed.
LIBRARY_ERRORS: tuple[type[Exception], ...] = (
    ImportError,
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    SafetensorError,
    StrictDataclassError,
)

TextTower = Callable[[Sequence[str]], "torch.Tensor"]
TokenCounter = Callable[[Sequence[str]], list[TokenCount]]


class ClipEncoder:
    """An Encoder around one engine's model, which holds both towers.

    `image_tower` maps pixels [n, 3, size, size] to [n, dim], `text_tower` n texts to [n, dim].
    `count_tokens` reads as `text_tower` does. `log_scale` and `bias` are given in float32,
    whatever the model was cast to. Raises WeightsUnusable for a text tower that gives anything but
    one vector per text.
    """

    engine = "torch"
    agreement: Agreement | None = None

    # Any: neither engine's models are typed well enough to say more.
    def __init__(
        self,
        spec: ModelSpec,
        model: Any,
        *,
        image_tower: compiling.Tower,
        text_tower: TextTower,
        count_tokens: TokenCounter,
        preprocessing: Preprocessing,
        patch_size: int | None,
        log_scale: float,
        bias: float,
        is_sigmoid: bool,
        device: str,
        shortcuts: frozenset[Shortcut],
    ) -> None:
        self.repo = spec.repo
        self.revision = self.fingerprint = self.engine_note = ""
        self.preprocessing = preprocessing
        self.image_size = preprocessing.size
        self.patch_size = patch_size
        self.logit_scale = float(np.exp(np.float32(log_scale)))
        self.logit_bias = bias
        self.is_sigmoid = is_sigmoid
        self._model = model
        self._image_tower = image_tower
        self._text_tower = text_tower
        self._count_tokens = count_tokens
        self._device = device
        self._dtype = next(model.parameters()).dtype
        self.precision = str(self._dtype).removeprefix("torch.")
        is_in_lanes = device == "cpu" and Shortcut.LANES in shortcuts
        self._in_passes = lanes.spread if is_in_lanes else devices.in_halves
        self.embed_dim = self.encode_texts(["?"]).shape[1]

    @property
    def parameter_bytes(self) -> int:
        return packing.parameter_bytes(self._model)

    def pack(self) -> None:
        packing.pack(self._model)

    def compile(self) -> None:
        self._image_tower = compiling.compiled(self._image_tower, device=self._device)
        # Not in lanes: torch would compile the tower anew for each thread.
        self._in_passes = devices.in_halves

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        if not images:
            return no_rows(self.embed_dim)
        return self._in_passes(self._encode_images, images)

    def _encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        import torch

        pixels = pixel_batch(images, self.preprocessing, device=self._device)
        with torch.inference_mode():
            return unit_rows(self._image_tower(pixels.to(self._dtype)))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if not texts:
            return no_rows(self.embed_dim)
        import torch

        with torch.inference_mode():
            return unit_rows(self._text_tower(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        return self._count_tokens(texts)


def pixel_batch(
    images: Sequence[Image.Image], preprocessing: Preprocessing, *, device: str
) -> "torch.Tensor":
    """float32 [n, 3, size, size] on the device: the numbers of `preprocessing.to_array`."""
    import torch

    # Sent as uint8, a quarter of the bytes, and normalized for the whole batch at once.
    crops = np.stack([np.asarray(preprocessing.crop(image)) for image in images])
    levels = devices.send(torch.from_numpy(crops), device)
    pixels = levels.permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(preprocessing.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std, device=device).view(1, 3, 1, 1)
    return pixels.sub_(mean).div_(std).contiguous()


def unit_rows(features: "torch.Tensor") -> Embeddings:
    """float32 [n, dim] on the host, each row of length 1; raises WeightsUnusable for no rows."""
    import torch
    from torch.nn.functional import normalize

    # A tower may be configured to return every position, or a tuple with them.
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise WeightsUnusable(
            "the model gives more than one vector per input (output_tokens, pool)"
        )
    array: Embeddings = normalize(features.float(), dim=-1).cpu().numpy()
    return array


def no_rows(dim: int) -> Embeddings:
    return np.empty((0, dim), dtype=np.float32)
