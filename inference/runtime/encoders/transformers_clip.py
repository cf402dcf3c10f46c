"""CLIP as transformers writes it: config.json, model.safetensors, tokenizer, preprocessor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from inference.runtime import devices, torchvision_schemas
from inference.runtime.cpu import packing
from inference.runtime.encoders import preprocessor_config
from inference.runtime.encoders.clip_tower import ClipEncoder, TextTower, padded_tokens
from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import ModelSpec


def load(spec: ModelSpec, folder: Path, *, device: str = "cpu", dtype: str = "auto") -> ClipEncoder:
    """Reads safetensors and JSON from `folder`; nothing else is opened, nothing is executed.

    Raises WeightsUnusable for files that do not fit the architecture.
    """
    torchvision_schemas.declare()
    from transformers import CLIPModel, CLIPTokenizer

    preprocessing = preprocessor_config.read(folder / "preprocessor_config.json")
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = CLIPModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="sdpa",
            dtype=devices.dtype_on(device, dtype),
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise WeightsUnusable(f"{folder} is not a CLIP of transformers: {error}") from error
    model = model.eval().to(device)
    if device == "cpu":
        packing.leave_in_file(model, folder / "model.safetensors")
    return ClipEncoder(
        spec,
        model,
        image_tower=lambda pixels: model.get_image_features(pixel_values=pixels).pooler_output,
        text_tower=_text_tower(model, tokenizer, device),
        preprocessing=preprocessing,
        patch_size=model.config.vision_config.patch_size,
        device=device,
    )


# Any: transformers' classes are typed too loosely to say more.
def _text_tower(model: Any, tokenizer: Any, device: str) -> TextTower:
    context_length = model.config.text_config.max_position_embeddings

    def tower(texts: Sequence[str]) -> Any:
        # No attention mask goes along. The tower is causal and is read at the first end-of-text
        # token, so what follows that token changes nothing: ten short labels padded to the
        # longest give the vectors of padding to 77, in an eighth of the time. Configs from before
        # mid-2023 say eos_token_id 2, which is wrong; transformers then reads at the highest
        # token id, which is the first end-of-text, too.
        tokens = padded_tokens(tokenizer, texts, max_tokens=context_length, device=device)
        return model.get_text_features(input_ids=tokens["input_ids"]).pooler_output

    return tower
