"""SigLIP and SigLIP 2 give the library's own vectors and scores, or are refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, Siglip2Config, SiglipModel, SiglipProcessor
from transformers.image_utils import load_image
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.runtime import loading, zero_shot
from inference.runtime.encoder import Embeddings, Encoder
from inference.runtime.encoders import preprocessor_config, transformers_model
from inference.runtime.encoders.clip_tower import ClipEncoder, unit_rows
from inference.runtime.errors import WeightsUnusable
from tests.inference.runtime.conftest import TRANSFORMERS_SPEC, smooth_noise
from tests.inference.runtime.images import gallery
from tests.inference.runtime.tiny_models import tiny, tiny_siglip

Write = Callable[..., SiglipModel]
FAMILIES = pytest.mark.parametrize(
    "write", [tiny_siglip.write_siglip, tiny_siglip.write_siglip_2], ids=["siglip", "siglip 2"]
)
SHORT = ["a cat", "A Cat!", "two dogs, and a cat?", "!", "", "una taza de café", "猫"]
SHAPES = [(90, 61), (31, 47), (300, 224), (1, 500), (500, 1), (32, 32), (7, 6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / TRANSFORMERS_SPEC.folder


def load(folder: Path, **options: Any) -> ClipEncoder:
    return transformers_model.load(TRANSFORMERS_SPEC, folder, **options)


def library_inputs(folder: Path, texts: list[str], *, length: int = tiny_siglip.LENGTH) -> Any:
    """As transformers' documentation of SigLIP has it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer(
        texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )


def library_texts(folder: Path, texts: list[str], **options: Any) -> Embeddings:
    """One at a time."""
    model: Any = SiglipModel.from_pretrained(folder)
    model.eval()
    with torch.inference_mode():
        inputs = [library_inputs(folder, [text], **options) for text in texts]
        rows = [unit_rows(model.get_text_features(**each).pooler_output) for each in inputs]
    return np.concatenate(rows)


def library_pixels(folder: Path, image: Image.Image) -> Any:
    processor: Any = SiglipImageProcessorPil.from_pretrained(folder)
    if not processor.do_convert_rgb:
        image = load_image(image)  # as the library's pipelines do
    return processor(image, return_tensors="pt")["pixel_values"]


def tokens_long(folder: Path, count: int) -> str:
    """A text that is read as so many tokens, its end among them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "cat"
    while len(tokenizer(text)["input_ids"]) < count:
        text += " cat" if len(tokenizer(text + " cat")["input_ids"]) <= count else "s"
    assert len(tokenizer(text)["input_ids"]) == count
    return text


@FAMILIES
def test_texts_are_the_library_s_alone_and_beside_others(write: Write, folder: Path) -> None:
    write(folder)
    texts = [*SHORT, *(tokens_long(folder, count) for count in (62, 63, 64, 65, 300))]
    expected = library_texts(folder, texts)

    encoder = load(folder)

    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts[::-1]), expected[::-1], atol=1e-5)


def test_only_siglip_s_own_tokenizer_drops_capitals_and_punctuation(tmp_path: Path) -> None:
    tiny_siglip.write_siglip(tmp_path / "one")
    tiny_siglip.write_siglip_2(tmp_path / "two")

    one, two = load(tmp_path / "one"), load(tmp_path / "two")

    for encoder, are_equal in ((one, True), (two, False)):
        plain, typed = encoder.encode_texts(["a cat", "A, Cat!"])
        assert np.allclose(plain, typed, atol=1e-6) is are_equal


@pytest.mark.parametrize("name", [name for name in gallery.GALLERY if "16-bit" not in name])
@FAMILIES
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # the library's conversion
def test_images_of_every_mode_are_the_library_s(
    write: Write, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"{write.__name__}-gallery"
    if not folder.exists():
        write(folder)
    ours = preprocessor_config.read_folder(folder, preprocessor_config.SIGLIP)
    image = gallery.opened(name)
    if image.getexif().get(gallery.ORIENTATION, 1) != 1:
        image = load_image(image)  # the processor alone leaves it lying on its side

    pixels = ours.to_array(image)

    expected = library_pixels(folder, image)[0].numpy()
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


@FAMILIES
def test_images_of_odd_shapes_and_scores_are_the_library_s(write: Write, folder: Path) -> None:
    model: Any = write(folder)
    model.eval()
    images = [smooth_noise(*shape, seed=seed) for seed, shape in enumerate(SHAPES)]
    pixels = torch.cat([library_pixels(folder, image) for image in images])
    with torch.inference_mode():
        output = model(pixel_values=pixels, **library_inputs(folder, SHORT))

    encoder = load(folder)

    vectors = encoder.encode_images(images)
    np.testing.assert_allclose(vectors, output.image_embeds.numpy(), atol=1e-5)
    scores = zero_shot.classify(
        vectors,
        encoder.encode_texts(SHORT),
        logit_scale=encoder.logit_scale,
        logit_bias=encoder.logit_bias,
        activation=zero_shot.Activation.SIGMOID,
    )
    ours = np.array([[label.score for label in row] for row in scores])
    np.testing.assert_allclose(ours, output.logits_per_image.sigmoid().numpy(), atol=1e-5)


@FAMILIES
def test_it_is_checked_and_served_with_every_shortcut(write: Write, folder: Path) -> None:
    write(folder)

    def loaded(**options: Any) -> Encoder:
        return loading.load(
            TRANSFORMERS_SPEC,
            model_dir=folder.parent,
            cache_dir=folder.parent / "cache",
            options=loading.Options(**options),
        )

    exact, cast = loaded(), loaded(dtype="bf16")

    verdicts = [path.read_text() for path in (folder.parent / "cache/self-checks").iterdir()]
    assert [json.loads(verdict) for verdict in verdicts] == [{"off": [], "refusal": ""}] * 2
    assert exact.is_sigmoid
    assert cast.logit_scale == exact.logit_scale == pytest.approx(np.exp(4.7659), rel=1e-6)
    assert cast.logit_bias == exact.logit_bias == pytest.approx(-12.9277, rel=1e-6)
    np.testing.assert_allclose(exact.encode_texts(SHORT), library_texts(folder, SHORT), atol=1e-5)


def test_a_bias_of_zero_is_still_a_sigmoid(folder: Path) -> None:
    tiny_siglip.write_siglip(folder)
    change_tensors(folder, logit_bias=torch.zeros(1))

    encoder = load(folder)

    assert encoder.logit_bias == 0
    assert encoder.is_sigmoid


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("names", [["input_ids"], ["input_ids", "attention_mask"]])
def test_padding_and_mask_are_those_of_the_folder_s_tokenizer(
    side: str, names: list[str], folder: Path
) -> None:
    tiny_siglip.write_siglip_2(folder)
    tiny_siglip.write_gemma(folder, padding_side=side, model_input_names=names, pad_token="<mask>")

    encoder = load(folder)

    np.testing.assert_allclose(encoder.encode_texts(SHORT), library_texts(folder, SHORT), atol=1e-5)


def test_a_tower_of_sixteen_tokens_is_padded_to_sixteen(folder: Path) -> None:
    tiny_siglip.write_siglip(folder, max_position_embeddings=16)
    texts = [*SHORT, "a cat " * 30]

    encoder = load(folder)

    expected = library_texts(folder, texts, length=16)
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)


def test_a_folder_that_today_s_library_writes_loads(folder: Path) -> None:
    model: Any = tiny_siglip.write_siglip(folder)
    model.eval()
    library: Any = SiglipProcessor
    processor = library.from_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    processor.save_pretrained(folder)  # all processors in one file
    assert not (folder / "preprocessor_config.json").exists()

    encoder = loading.load(
        TRANSFORMERS_SPEC, model_dir=folder.parent, cache_dir=folder.parent / "cache"
    )

    image = smooth_noise(90, 61)
    with torch.inference_mode():
        expected = model.get_image_features(library_pixels(folder, image)).pooler_output
    np.testing.assert_allclose(encoder.encode_images([image]), unit_rows(expected), atol=1e-5)


def change_tensors(folder: Path, **tensors: torch.Tensor | None) -> None:
    path = folder / "model.safetensors"
    state = {name: tensor.clone() for name, tensor in load_file(path).items()} | tensors
    kept = {name: tensor for name, tensor in state.items() if tensor is not None}
    save_file(kept, path, metadata={"format": "pt"})


def change_json(path: Path, **fields: Any) -> None:
    content = json.loads(path.read_text())
    for name, value in fields.items():
        content[name] = content.get(name, {}) | value if isinstance(value, dict) else value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "tensor", "kind"),
    [
        ("logit_bias", None, "missing"),
        ("logit_scale", None, "missing"),
        ("vision_model.head.probe", None, "missing"),
        ("text_model.head.weight", torch.ones(9, 64), "mismatched"),
        ("text_model.embeddings.position_embedding.weight", torch.ones(32, 64), "mismatched"),
        ("logit_bias", torch.ones(2), "mismatched"),
        ("text_projection.weight", torch.ones(64, 64), "unexpected"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    name: str, tensor: torch.Tensor | None, kind: str, folder: Path
) -> None:
    tiny_siglip.write_siglip(folder)
    change_tensors(folder, **{name: tensor})

    with pytest.raises(WeightsUnusable, match=rf"{kind} tensors: {name}"):
        load(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantization_config": {"quant_method": "fp8"}}, "quantization_config"),
        ({"model_type": "siglip_vision_model"}, "type 'siglip_vision_model', not clip or siglip"),
        ({"model_type": ["siglip"]}, "not clip or siglip"),
        ({"text_config": {"vocab_size": 100}}, "token_embedding"),
        ({"vision_config": {"image_size": 64}}, "crops images to 32 px, but its tower reads 64"),
    ],
)
def test_configs_of_another_model_are_refused(
    fields: dict[str, Any], message: str, folder: Path
) -> None:
    tiny_siglip.write_siglip(folder)
    change_json(folder / "config.json", **fields)
    if "vision_config" in fields:
        name = "vision_model.embeddings.position_embedding.weight"
        change_tensors(folder, **{name: torch.ones(64, tiny_siglip.WIDTH)})

    with pytest.raises(WeightsUnusable, match=message):
        load(folder)


def test_an_image_tower_without_a_head_is_refused(folder: Path) -> None:
    tiny_siglip.write_siglip(folder)
    names = [name for name in load_file(folder / "model.safetensors") if ".head." in name]
    change_tensors(folder, **dict.fromkeys(name for name in names if "vision" in name))
    change_json(folder / "config.json", vision_config={"vision_use_head": False})

    with pytest.raises(WeightsUnusable, match="vision_use_head false"):
        load(folder)


def test_towers_into_different_spaces_are_refused(folder: Path) -> None:
    tiny_siglip.write_siglip(folder, projection_size=48)

    with pytest.raises(WeightsUnusable, match=r"hidden_size is 64, .*projection_size 48"):
        load(folder)


def test_naflex_is_refused_by_name(folder: Path) -> None:
    tiny_siglip.write_siglip_2(folder)
    Siglip2Config().save_pretrained(folder)

    with pytest.raises(WeightsUnusable, match=r"type 'siglip2', not clip or siglip \(NaFlex: "):
        load(folder)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (tiny_siglip.write_siglip, "spiece.model"),
        (tiny_siglip.write_siglip_2, "tokenizer.json"),
    ],
)
def test_a_folder_without_its_tokenizer_is_refused(write: Write, name: str, folder: Path) -> None:
    write(folder)
    (folder / name).unlink()

    with pytest.raises(
        WeightsUnusable, match=r"holds no tokenizer: spiece\.model, or tokenizer\.json"
    ):
        load(folder)


def test_a_damaged_sentencepiece_model_is_refused(folder: Path) -> None:
    tiny_siglip.write_siglip(folder)
    (folder / "spiece.model").write_bytes(b"\x0a\xff damaged")

    with pytest.raises(WeightsUnusable, match=r"the tokenizer in .* cannot be used"):
        load(folder)


def test_a_tokenizer_that_does_not_end_texts_is_refused(folder: Path) -> None:
    tiny_siglip.write_siglip_2(folder)
    tiny_siglip.write_gemma(folder, add_eos_token=False)

    with pytest.raises(WeightsUnusable, match=r"does not end texts .*\(1\)"):
        load(folder)


def test_a_tokenizer_without_padding_is_refused(folder: Path) -> None:
    tiny_siglip.write_siglip_2(folder)
    tiny.write_byte_tokenizer(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    tiny.write_json(
        folder / "tokenizer_config.json", {k: v for k, v in settings.items() if k != "pad_token"}
    )

    with pytest.raises(WeightsUnusable, match="has no pad_token"):
        load(folder)


def test_a_padding_beyond_the_vocabulary_is_refused(folder: Path) -> None:
    tiny_siglip.write_siglip_2(folder, vocab_size=380)
    tiny_siglip.write_gemma(folder, pad_token="<new>")

    with pytest.raises(WeightsUnusable, match="gives id 380, but the model knows 380 tokens"):
        load(folder)
