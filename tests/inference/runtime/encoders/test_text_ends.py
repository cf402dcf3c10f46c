"""A text's vector is the library's own, alone, beside others, and where it fills the context."""

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from transformers import AutoTokenizer, CLIPModel

from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.encoders import open_clip_model, open_clip_text, transformers_model
from inference.runtime.encoders.clip_tower import unit_rows
from inference.runtime.errors import WeightsUnusable
from inference.runtime.self_check.shortcuts import Shortcut
from tests.inference.runtime.conftest import OPEN_CLIP_SPEC, TRANSFORMERS_SPEC
from tests.inference.runtime.tiny_models import families, tiny
from tests.inference.runtime.tiny_models.families import OPEN_CLIP_TEXTS

CUT = {"clip argmax", "clip eos", "clip linear", "clip no projection", "bytes argmax", "bytes eos"}
SHORT = ["cat", "a dog", "!"]


def tokens_long(count: int, *, of_bytes: bool) -> str:
    """A text that is read as so many tokens, start and end among them."""
    return "x" * (count - 2) if of_bytes else "cat " * (count - 2)


def lengths(*, of_bytes: bool) -> list[str]:
    return [tokens_long(count, of_bytes=of_bytes) for count in (76, 77, 78, 300)]


@pytest.mark.parametrize("name", OPEN_CLIP_TEXTS)
def test_texts_of_open_clip_are_read_where_it_reads_them(name: str, tmp_path: Path) -> None:
    folder = families.write_open_clip(OPEN_CLIP_TEXTS[name], tmp_path / "model")
    texts = [*SHORT, *lengths(of_bytes="clip" not in name.split() and name != "coca")]
    expected = _of_open_clip(folder, texts)

    encoder = open_clip_model.load(OPEN_CLIP_SPEC, folder)

    _assert_alone_and_together(encoder, texts, expected)
    model, _ = open_clip_model.read(folder)
    assert open_clip_text.reads_no_padding(model) is (name in CUT)


@pytest.mark.parametrize("shortcuts", [frozenset(), frozenset({Shortcut.CUT_TEXTS})])
@pytest.mark.parametrize("eos_token_id", [49407, 2])
@pytest.mark.parametrize(
    "pad_token", ["<|endoftext|>", "!", "<|startoftext|>"], ids=["end", "zero", "start"]
)
def test_texts_of_transformers_are_read_where_it_reads_them(
    eos_token_id: int, pad_token: str, shortcuts: frozenset[Shortcut], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    tiny.write_transformers(folder, eos_token_id=eos_token_id)
    settings = {"tokenizer_class": "CLIPTokenizer", "pad_token": pad_token, "padding_side": "left"}
    tiny.write_json(folder / "tokenizer_config.json", settings)
    texts = [*SHORT, "a <|endoftext|> in the middle", *lengths(of_bytes=False)]
    expected = _of_transformers(folder, texts)

    encoder = transformers_model.load(TRANSFORMERS_SPEC, folder, shortcuts=shortcuts)

    _assert_alone_and_together(encoder, texts, expected)


def test_a_shorter_limit_of_the_tokenizer_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    tiny.write_transformers(folder)
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 9}
    tiny.write_json(folder / "tokenizer_config.json", settings)

    encoder = transformers_model.load(TRANSFORMERS_SPEC, folder)

    long, longer = encoder.encode_texts(["cat " * 7, "cat " * 50])
    np.testing.assert_allclose(long, longer, atol=1e-6)


def test_a_tower_that_gives_a_vector_per_token_is_refused(tmp_path: Path) -> None:
    config = {"vision_cfg": families.SMALL_VIT, "text_cfg": families.TEXT | {"pool_type": "none"}}
    folder = tiny.write_architecture(tmp_path / "model", config)

    with pytest.raises(WeightsUnusable, match="more than one vector"):
        open_clip_model.load(OPEN_CLIP_SPEC, folder)


def _assert_alone_and_together(encoder: Encoder, texts: list[str], expected: Embeddings) -> None:
    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts[:3]), expected[:3], atol=1e-5)


def _of_open_clip(folder: Path, texts: list[str]) -> Embeddings:
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    with torch.inference_mode():
        return np.concatenate([unit_rows(model.encode_text(tokenizer([text]))) for text in texts])


def _of_transformers(folder: Path, texts: list[str]) -> Embeddings:
    model: Any = CLIPModel.from_pretrained(folder)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        tokens = tokenizer([text], truncation=True, max_length=77, return_tensors="pt")
        with torch.inference_mode():
            rows.append(unit_rows(model.get_text_features(**tokens).pooler_output))
    return np.concatenate(rows)
