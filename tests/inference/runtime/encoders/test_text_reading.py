"""Whose tokenizer reads the texts of which model, and how many tokens it counts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from open_clip import SimpleTokenizer
from transformers import AutoTokenizer, CLIPConfig

from inference.runtime import loading
from inference.runtime.encoder import Encoder, TokenCount
from inference.runtime.encoders import transformers_model, transformers_text
from inference.runtime.errors import WeightsUnusable
from tests.inference.runtime.conftest import TRANSFORMERS_SPEC
from tests.inference.runtime.texts.typed import TYPED
from tests.inference.runtime.tiny_models import tiny

OPENAI_SPEC = replace(TRANSFORMERS_SPEC, repo="openai/clip-tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / OPENAI_SPEC.folder
    tiny.write_transformers(folder)
    return folder


@pytest.fixture(scope="module")
def openai_encoder(folder: Path, cache_dir: Path) -> Encoder:
    return loading.load(OPENAI_SPEC, model_dir=folder.parent, cache_dir=cache_dir)


def test_openai_models_read_typed_texts_by_the_ids_of_open_clip(folder: Path) -> None:
    config = CLIPConfig.from_pretrained(folder).text_config
    reader = transformers_text.read_openai(folder, config)

    rows = reader.ids(TYPED)

    padded = [row + [0] * (77 - len(row)) for row in rows]
    assert len(TYPED) >= 60
    assert padded == SimpleTokenizer()(TYPED).tolist()
    # The other side of it: transformers' own tokenizer reads some of them differently.
    assert rows != transformers_text.read(folder, config).ids(TYPED)


def test_openai_models_give_typed_texts_the_vectors_of_open_clip(
    openai_encoder: Encoder, open_clip_encoder: Encoder
) -> None:
    vectors = openai_encoder.encode_texts(TYPED)

    np.testing.assert_allclose(vectors, open_clip_encoder.encode_texts(TYPED), atol=1e-5)
    assert openai_encoder.count_tokens(TYPED) == open_clip_encoder.count_tokens(TYPED)


def test_other_models_of_transformers_read_as_their_own_files_say(
    folder: Path, transformers_encoder: Encoder
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths = [len(tokenizer(text, verbose=False)["input_ids"]) for text in TYPED]

    counts = transformers_encoder.count_tokens(TYPED)

    assert counts == [TokenCount(min(length, 77), is_cut=length > 77) for length in lengths]


def test_openai_models_with_another_vocabulary_are_refused(tmp_path: Path) -> None:
    tiny.write_transformers(tmp_path / "model")
    path = tmp_path / "model" / "vocab.json"
    ids = json.loads(path.read_text())
    ids["cat</w>"], ids["dog</w>"] = ids["dog</w>"], ids["cat</w>"]
    path.write_text(json.dumps(ids))

    with pytest.raises(WeightsUnusable, match="does not have OpenAI's vocabulary"):
        transformers_model.load(OPENAI_SPEC, tmp_path / "model")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (0, TokenCount(2, is_cut=False)),
        (1, TokenCount(3, is_cut=False)),
        (75, TokenCount(77, is_cut=False)),
        (76, TokenCount(77, is_cut=True)),
        (3000, TokenCount(77, is_cut=True)),
    ],
)
def test_tokens_are_counted_up_to_the_context(
    encoder: Encoder, words: int, expected: TokenCount
) -> None:
    assert encoder.count_tokens(["cat " * words]) == [expected]


def test_no_texts_have_no_counts(encoder: Encoder) -> None:
    assert encoder.count_tokens([]) == []
