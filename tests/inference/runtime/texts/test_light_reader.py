"""Described tokenizers read hard texts by the same ids as the libraries' own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from open_clip import SimpleTokenizer
from open_clip.tokenizer import HFTokenizer

from inference.runtime.encoders import siglip_text, transformers_text
from inference.runtime.encoders.siglip_text import SiglipTexts
from inference.runtime.encoders.transformers_text import ClipTexts
from inference.runtime.onnx_engine.encoder import cut
from inference.runtime.texts import light_reader
from inference.runtime.texts.hub_reader import HubReader
from inference.runtime.texts.light_reader import Described, LightReader, NotLight
from tests.inference.runtime.texts.typed import TYPED
from tests.inference.runtime.tiny_models import tiny, tiny_siglip

END = 49407


def by_way_of_json(described: Described) -> LightReader:
    return light_reader.reader_of(json.loads(json.dumps(described)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokenizers")


@pytest.fixture(scope="module")
def hub_bytes(folder: Path) -> Path:
    path = folder / "bytes"
    path.mkdir()
    tiny.write_byte_tokenizer(path)
    return path


@pytest.fixture(scope="module")
def siglip_2(folder: Path) -> Any:
    path = folder / "siglip-2"
    path.mkdir()
    tiny_siglip.write_gemma(path, model_max_length=16)
    return transformers_text.read_tokenizer(path, siglip_text.TOKENIZER_FILES)


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
def test_open_clip_s_own_tokenizers(clean: str) -> None:
    original = SimpleTokenizer(clean=clean)
    reader = by_way_of_json(light_reader.describe_simple(original, pad=0))

    assert reader.padded(TYPED).tolist() == original(TYPED).tolist()


def test_clip_s_of_transformers(model_dir: Path) -> None:
    path = model_dir / "tiny--transformers"
    tokenizer = transformers_text.read_tokenizer(path, transformers_text.TOKENIZER_FILES)
    original = ClipTexts(tokenizer, 77, END)
    described = light_reader.describe_fast(
        tokenizer, max_tokens=77, context=77, pad=END, pad_side="right"
    )
    reader = by_way_of_json(described)

    rows = [row + [END] * (77 - len(row)) for row in original.ids(TYPED)]
    assert reader.padded(TYPED).tolist() == rows
    assert reader.counts(TYPED) == original.counts(TYPED)


def test_siglip_2_s(siglip_2: Any) -> None:
    original = SiglipTexts(siglip_2, 16)
    reader = by_way_of_json(light_reader.describe_fast(siglip_2, max_tokens=16, context=16))

    assert reader.padded(TYPED).tolist() == original.ids(TYPED)
    assert reader.counts(TYPED) == original.counts(TYPED)


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
@pytest.mark.parametrize("strips", [True, False])
def test_the_hub_s_in_open_clip(hub_bytes: Path, clean: str, strips: bool) -> None:
    original = HFTokenizer(
        str(hub_bytes), context_length=40, clean=clean, strip_sep_token=strips, sep_token="</s>"
    )
    reader = by_way_of_json(light_reader.describe_hub(HubReader(original)))

    assert reader.padded(TYPED).tolist() == original(TYPED).tolist()
    assert reader.counts(TYPED) == HubReader(original).counts(TYPED)


def test_reading_after_counting_is_cut_again(siglip_2: Any) -> None:
    reader = by_way_of_json(light_reader.describe_fast(siglip_2, max_tokens=16, context=16))
    before = reader.padded(TYPED)

    reader.counts(TYPED)

    assert np.array_equal(reader.padded(TYPED), before)


def test_padding_may_be_on_the_left(siglip_2: Any) -> None:
    described = light_reader.describe_fast(
        siglip_2, max_tokens=9, context=9, pad=0, pad_side="left"
    )
    original = siglip_2(
        TYPED, padding="max_length", truncation=True, max_length=9, padding_side="left"
    )

    assert by_way_of_json(described).padded(TYPED).tolist() == original["input_ids"]


def test_a_tokenizer_of_sentencepiece_is_named(folder: Path) -> None:
    path = folder / "siglip"
    path.mkdir()
    tiny_siglip.write_sentencepiece(path)
    tokenizer = transformers_text.read_tokenizer(path, siglip_text.TOKENIZER_FILES)

    with pytest.raises(NotLight, match="SiglipTokenizer"):
        light_reader.describe_fast(tokenizer, max_tokens=16, context=16)


def test_a_mode_that_we_do_not_know_is_named(hub_bytes: Path) -> None:
    original = HFTokenizer(str(hub_bytes), context_length=40, tokenizer_mode="clips")

    with pytest.raises(NotLight, match="clips"):
        light_reader.describe_hub(HubReader(original))


@pytest.mark.parametrize(
    ("rule", "columns"), [("", 4), ("argmax", 3), ("first:9", 3), ("first:7", 1)]
)
def test_what_a_tower_does_not_read_is_cut(rule: str, columns: int) -> None:
    ids = np.array([[7, 2, 9, 0], [7, 9, 0, 0]])

    assert cut(ids, rule).tolist() == ids[:, :columns].tolist()
