"""Our pixels against those of the reference processors."""

import io
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageDraw
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from inference.runtime.images.preprocessing import (
    OPENAI_MEAN,
    OPENAI_STD,
    Alpha,
    CropRounding,
    Fit,
    Method,
    Preprocessing,
)
from tests.inference.runtime.conftest import smooth_noise

TRANSFORMERS = Preprocessing(size=224)
OPEN_CLIP = Preprocessing(size=224, crop_rounding=CropRounding.HALF_EVEN, alpha=Alpha.DROP)
GREY_LEVEL = 1 / 255 / min(OPENAI_STD)
# Odd and even excess, smaller than the square, square, and far from it.
SIZES = [(500, 375), (333, 501), (225, 224), (227, 224), (224, 229), (31, 47), (900, 60), (40, 700)]


def gradient() -> Image.Image:
    ramp = np.linspace(0, 255, 640, dtype=np.uint8)
    return Image.fromarray(np.stack([np.tile(ramp, (480, 1))] * 3, axis=-1))


def written() -> Image.Image:
    image = Image.new("RGB", (411, 307), "white")
    ImageDraw.Draw(image).text((20, 60), "zero-shot", fill="black", font_size=80)
    return image


def translucent() -> Image.Image:
    image = smooth_noise(320, 250).convert("RGBA")
    image.putalpha(gradient().convert("L").resize(image.size))
    return image


def palette_with_alpha() -> Image.Image:
    image = smooth_noise(320, 250).quantize(16)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=bytes(range(0, 256, 16)))
    return Image.open(file)


def animation() -> Image.Image:
    file = io.BytesIO()
    frames = [smooth_noise(300, 260, seed=seed) for seed in (1, 2)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return Image.open(file)


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "gradient": gradient,
    "text": written,
    "noise": lambda: Image.effect_noise((345, 456), 90).convert("RGB"),
    "alpha": translucent,
    "grey": lambda: smooth_noise(300, 271).convert("L"),
    "grey with alpha": lambda: translucent().convert("LA"),
    "black and white": lambda: written().convert("1"),
    "palette": lambda: smooth_noise(301, 270).quantize(64),
    "palette with alpha": palette_with_alpha,
    "cmyk": lambda: smooth_noise(300, 271).convert("CMYK"),
    "animation": animation,
} | {f"{width}x{height}": lambda w=width, h=height: smooth_noise(w, h) for width, height in SIZES}


@pytest.fixture(scope="module")
def open_clip_reference() -> Callable[[Image.Image], Any]:
    configuration = PreprocessCfg(size=224)
    transform: Callable[[Image.Image], Any] = image_transform_v2(configuration, is_train=False)
    return transform


@pytest.mark.parametrize("name", PICTURES)
def test_pixels_are_those_of_transformers(name: str) -> None:
    image = PICTURES[name]()

    ours = TRANSFORMERS.to_array(image)

    theirs = CLIPImageProcessorPil()(image, return_tensors="np")
    _assert_within_a_grey_level(ours, np.asarray(theirs["pixel_values"][0]))


# It is the reference that warns: it converts a palette with alpha directly.
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("name", PICTURES)
def test_pixels_are_those_of_open_clip(
    name: str, open_clip_reference: Callable[[Image.Image], Any]
) -> None:
    image = PICTURES[name]()

    ours = OPEN_CLIP.to_array(image)

    _assert_within_a_grey_level(ours, open_clip_reference(image).numpy())


@pytest.mark.parametrize("preprocessing", [TRANSFORMERS, OPEN_CLIP])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(preprocessing: Preprocessing, orientation: int) -> None:
    image = smooth_noise(260, 320)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)

    turned = preprocessing.crop(Image.open(file))

    moves = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    for move in moves.get(orientation, []):
        image = image.transpose(move)
    np.testing.assert_array_equal(turned, preprocessing.crop(image))


@pytest.mark.parametrize("preprocessing", [TRANSFORMERS, OPEN_CLIP])
def test_sixteen_bit_grey_keeps_its_shades(preprocessing: Preprocessing) -> None:
    ramp = np.tile(np.linspace(0, 65535, 224).astype(np.uint16), (224, 1))

    pixels = np.asarray(preprocessing.crop(Image.fromarray(ramp)))

    np.testing.assert_allclose(pixels[:, :, 0], ramp >> 8, atol=2)


def test_the_first_frame_counts_wherever_the_reader_stands() -> None:
    image = animation()
    first = TRANSFORMERS.crop(image)

    image.seek(1)

    np.testing.assert_array_equal(TRANSFORMERS.crop(image), first)


@pytest.mark.parametrize("preprocessing", [TRANSFORMERS, OPEN_CLIP])
def test_cropping_twice_changes_nothing(preprocessing: Preprocessing) -> None:
    once = preprocessing.crop(smooth_noise(300, 271))

    twice = preprocessing.crop(once)

    assert (once.mode, once.size) == ("RGB", (224, 224))
    np.testing.assert_array_equal(once, twice)


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("size", [(300, 271), (224, 224), (100, 130)])
def test_a_crop_is_not_zoomed_into_when_it_is_cropped_again(
    size: tuple[int, int], method: Method, fit: Fit
) -> None:
    edge = Preprocessing(size=224, shortest_edge=256, method=method, fit=fit)

    once = edge.crop(smooth_noise(*size))

    np.testing.assert_array_equal(edge.crop(once), once)
    other = Method.FAST if method is Method.EXACT else Method.EXACT
    np.testing.assert_array_equal(replace(edge, method=other).crop(once), once)


def test_a_crop_that_was_changed_is_an_image_like_any_other() -> None:
    crop = TRANSFORMERS.crop(smooth_noise(300, 271))

    assert TRANSFORMERS.crop(crop.resize((90, 61))).size == (224, 224)


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        (TRANSFORMERS, (1.0, 0.0, 225.0, 224.0)),
        (OPEN_CLIP, (2.0, 0.0, 226.0, 224.0)),
        (Preprocessing(size=224, fit=Fit.SQUASH), (0.0, 0.0, 227.0, 224.0)),
        (Preprocessing(size=112, shortest_edge=224), (57.0, 56.0, 169.0, 168.0)),
        (
            Preprocessing(size=112, shortest_edge=224, fit=Fit.SQUASH),
            (56 * 227 / 224, 56.0, 168 * 227 / 224, 168.0),
        ),
    ],
)
def test_crop_box_is_what_the_model_sees(
    preprocessing: Preprocessing, expected: tuple[float, ...]
) -> None:
    box = preprocessing.crop_box(227, 224)

    assert box == pytest.approx(expected)


@pytest.mark.parametrize(("width", "height"), [*SIZES, (1, 5000), (5000, 1), (1, 1), (7, 10_007)])
def test_crop_box_stays_inside_the_picture(width: int, height: int) -> None:
    left, top, right, bottom = TRANSFORMERS.crop_box(width, height)

    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1)])
def test_an_extreme_shape_takes_no_more_memory_than_a_square(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "red")
    tracemalloc.start()

    pixels = TRANSFORMERS.to_array(image)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pixels.shape == (3, 224, 224)
    assert peak_bytes < 10_000_000


def test_the_fingerprint_changes_with_any_parameter() -> None:
    variants = [
        TRANSFORMERS,
        OPEN_CLIP,
        Preprocessing(size=336),
        Preprocessing(size=224, mean=(0.5, 0.5, 0.5)),
        Preprocessing(size=224, interpolation="bilinear"),
    ]

    assert len({variant.fingerprint for variant in variants}) == len(variants)
    assert TRANSFORMERS.fingerprint == Preprocessing(size=224, mean=OPENAI_MEAN).fingerprint


def test_senseless_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="below"):
        Preprocessing(size=224, shortest_edge=200)
    with pytest.raises(ValueError, match="nearest-ish"):
        Preprocessing(size=224, interpolation="nearest-ish")


def _assert_within_a_grey_level(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() <= GREY_LEVEL * 1.01
