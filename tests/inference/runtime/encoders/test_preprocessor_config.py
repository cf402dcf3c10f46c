"""Every field of a preprocessor_config.json means what transformers makes of it, or is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.runtime.encoders import preprocessor_config
from inference.runtime.encoders.preprocessor_config import SIGLIP, Processor
from inference.runtime.errors import WeightsUnusable
from inference.runtime.images.preprocessing import Preprocessing
from tests.inference.runtime.conftest import smooth_noise

BASE: dict[str, Any] = {"size": 48, "crop_size": 32, "resample": 3, "do_center_crop": True}
PICTURES = [smooth_noise(90, 61), smooth_noise(41, 77, seed=1), smooth_noise(32, 32, seed=2)]

DONE: dict[str, dict[str, Any]] = {
    "as published in 2021": {"size": 32, "feature_extractor_type": "CLIPFeatureExtractor"},
    "an edge, and a square": {
        "size": {"shortest_edge": 48},
        "crop_size": {"height": 32, "width": 32},
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
    },
    "a height and a width squash": {"size": {"height": 32, "width": 32}},
    "squashed, then cropped": {"size": {"height": 48, "width": 48}},
    "squashed, not cropped": {"size": {"height": 32, "width": 32}, "do_center_crop": False},
    "a list squashes": {"size": [48, 48]},
    "a side that squashes": {"size": 48, "default_to_square": True},
    "a crop by list": {"crop_size": [32, 32]},
    "no crop size": {"crop_size": ..., "size": 224},
    "neither size": {"crop_size": ..., "size": ...},
    "null means false": {
        "size": {"height": 32, "width": 32},
        **dict.fromkeys(["do_rescale", "do_normalize", "do_center_crop", "do_pad"]),
        **dict.fromkeys(["crop_size", "rescale_factor", "image_mean", "image_std"]),
    },
    "not normalized": {"do_normalize": False},
    "not rescaled": {"do_rescale": False},
    "neither": {"do_rescale": False, "do_normalize": False},
    "rescaled to two": {"rescale_factor": 1 / 127.5},
    "rescaled to two and not normalized": {"rescale_factor": 1 / 127.5, "do_normalize": False},
    "a factor that is not used": {"rescale_factor": 5, "do_rescale": False},
    "one mean for all": {"image_mean": 0.5, "image_std": 0.25},
    "whole numbers": {"image_mean": [0, 0, 0], "image_std": [1, 1, 1]},
    "no effect on CLIP": {"do_flip_channel_order": True, "patch_size": 14, "processor_class": "X"},
    **{f"filter {number}": {"resample": number} for number in range(6)},
}

# SigLIP's processor: other defaults, and no crop.
SIGLIP_BASE: dict[str, Any] = {"size": {"height": 32, "width": 32}, "resample": 3}
SIGLIP_DONE: dict[str, dict[str, Any]] = {
    "as SigLIP is published": {"image_processor_type": "SiglipImageProcessor"},
    "as SigLIP 2 is published": {"do_convert_rgb": None, "resample": 2},
    "not converted": {"do_convert_rgb": False},
    "neither mean nor size": {"size": ..., "image_processor_type": "SiglipImageProcessorFast"},
    "a list squashes": {"size": [32, 32]},
    "a side that squashes": {"size": 32, "default_to_square": True},
    "an edge, and a crop": {"size": {"shortest_edge": 48}, "crop_size": 32, "do_center_crop": True},
    "a crop that is not used": {"crop_size": {"height": 9, "width": 9}},
    "null means false": dict.fromkeys(["do_rescale", "do_normalize", "do_center_crop"]),
    "one mean for all": {"image_mean": 0.25, "image_std": 0.75},
    **{f"filter {number}": {"resample": number} for number in range(6)},
}
SIGLIP_REFUSED: dict[str, dict[str, Any]] = {
    "image_processor_type 'CLIPImageProcessor' is not Siglip's": {
        "image_processor_type": "CLIPImageProcessor"
    },
    "image_processor_type 'Siglip2ImageProcessor'": {
        "image_processor_type": "Siglip2ImageProcessor",
        "max_num_patches": 256,
    },
    "crop_size is missing": {"do_center_crop": True},
    "images would keep a shape": {"size": {"shortest_edge": 32}},
    "images would keep a shape that": {"size": 32},
    "do_resize": {"do_resize": None},
    "size .* not square": {"size": {"height": 32, "width": 48}},
    "do_convert_rgb must be true or false": {"do_convert_rgb": "no"},
    "do_pad": {"do_pad": True},
    "resample must be": {"resample": None},
}

REFUSED: dict[str, dict[str, Any]] = {
    "do_resize": {"do_resize": False},
    "do_resize is false": {"do_resize": None},
    "do_convert_rgb is false": {"do_convert_rgb": None},
    "size must be a number of pixels, not None": {"size": None},
    "crop_size must be a number of pixels, not None": {"crop_size": None},
    "resample must be": {"resample": None},
    "image_mean must": {"image_mean": None},
    "image_std must": {"image_std": None},
    "rescale_factor must": {"rescale_factor": None},
    "do_center_crop": {"do_center_crop": False},
    "do_convert_rgb": {"do_convert_rgb": False},
    "do_pad": {"do_pad": True},
    "use_square_size": {"use_square_size": True},
    "image_processor_type": {"image_processor_type": "SiglipImageProcessor"},
    "auto_map": {"auto_map": {"AutoImageProcessor": "mine.Processor"}},
    "shortest_edge": {"size": 31},
    "crop_size .* not square": {"crop_size": {"height": 32, "width": 48}},
    "crop_size must": {"crop_size": {"shortest_edge": 32}},
    "size .* not square": {"size": {"height": 32, "width": 48}},
    "size must be a side": {"size": {"shortest_edge": 32, "longest_edge": 64}},
    "size must be": {"size": {"height": 32}},
    "size must": {"size": [32, 32, 32]},
    "size must be a number of pixels": {"size": "48"},
    "size must be a number": {"size": 48.5},
    "must be a number of pixels": {"size": True},
    "not 0": {"size": 0},
    "not -3": {"crop_size": -3},
    "not '9'": {"resample": "9"},
    "9 is not a valid Resampling": {"resample": 9},
    "resample": {"resample": True},
    "do_rescale must be true or false": {"do_rescale": "yes"},
    "do_normalize must be true or false": {"do_normalize": 1},
    "rescale_factor": {"rescale_factor": "1/255"},
    "rescale_factor 0.0": {"rescale_factor": 0},
    "rescale_factor must be a number": {"rescale_factor": math.inf},
    "image_mean must have three": {"image_mean": [0.5, 0.5]},
    "image_mean must be a number": {"image_mean": ["a", "b", "c"]},
    "image_std": {"image_std": [0.5, 0, 0.5]},
    "image_std must be": {"image_std": {"red": 0.5}},
}


def config_of(change: dict[str, Any], *, base: dict[str, Any] = BASE) -> dict[str, Any]:
    """The base with a change; `...` takes a field away."""
    return {name: value for name, value in (base | change).items() if value is not ...}


def read(
    config: Any, folder: Path, processor: Processor = preprocessor_config.CLIP
) -> Preprocessing:
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return preprocessor_config.read_folder(folder, processor)


@pytest.mark.parametrize("name", DONE)
def test_a_field_is_done_as_the_library_does_it(name: str, tmp_path: Path) -> None:
    config = config_of(DONE[name])

    ours = read(config, tmp_path)

    assert_same_pixels(ours, CLIPImageProcessorPil.from_pretrained(tmp_path))


@pytest.mark.parametrize("name", SIGLIP_DONE)
def test_a_field_of_siglip_is_done_as_the_library_does_it(name: str, tmp_path: Path) -> None:
    config = config_of(SIGLIP_DONE[name], base=SIGLIP_BASE)

    ours = read(config, tmp_path, SIGLIP)

    assert_same_pixels(ours, SiglipImageProcessorPil.from_pretrained(tmp_path))


def assert_same_pixels(ours: Preprocessing, library: Any) -> None:
    for picture in PICTURES:
        theirs = np.asarray(library(picture, return_tensors="np")["pixel_values"][0], np.float32)
        tolerance = 1e-5 * max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours.to_array(picture), theirs, atol=tolerance)


@pytest.mark.parametrize("name", REFUSED)
def test_what_we_cannot_do_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsUnusable, match=rf"preprocessor_config\.json.*{name}"):
        read(config_of(REFUSED[name]), tmp_path)


@pytest.mark.parametrize("name", SIGLIP_REFUSED)
def test_what_we_cannot_do_for_siglip_is_refused_by_name(name: str, tmp_path: Path) -> None:
    config = config_of(SIGLIP_REFUSED[name], base=SIGLIP_BASE)

    with pytest.raises(WeightsUnusable, match=rf"preprocessor_config\.json.*{name}"):
        read(config, tmp_path, SIGLIP)


def test_the_file_of_all_processors_comes_first_where_it_holds_one_for_images(
    tmp_path: Path,
) -> None:
    newer, older = config_of({"size": 64}), config_of({})
    both = tmp_path / "processor_config.json"

    both.write_text(json.dumps({"image_processor": newer, "processor_class": "CLIPProcessor"}))
    assert read(older, tmp_path).shortest_edge == 64
    assert_same_pixels(read(older, tmp_path), CLIPImageProcessorPil.from_pretrained(tmp_path))

    for without in ({"processor_class": "CLIPProcessor"}, {"image_processor": None}):
        both.write_text(json.dumps(without))
        assert_same_pixels(read(older, tmp_path), CLIPImageProcessorPil.from_pretrained(tmp_path))
        assert read(older, tmp_path).shortest_edge == 48


@pytest.mark.parametrize("content", ["[]", "7", "{", '{"image_processor": 7}', "[" * 100_000])
def test_a_file_of_all_processors_that_makes_no_sense_is_refused(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "processor_config.json").write_text(content)

    with pytest.raises(WeightsUnusable, match=r"processor_config\.json cannot be used"):
        read(BASE, tmp_path)


@pytest.mark.parametrize("content", ["null", "[]", "7", '"text"', "{", "", "[" * 100_000])
def test_a_file_that_is_no_object_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(content)

    with pytest.raises(WeightsUnusable, match="cannot be used"):
        preprocessor_config.read(path)


def test_the_usual_parameters_keep_their_fingerprint(tmp_path: Path) -> None:
    usual = read(
        {"size": 224, "crop_size": 224, "resample": 3, "rescale_factor": 1 / 255}, tmp_path
    )

    expected = Preprocessing(size=224, shortest_edge=224, interpolation="BICUBIC")
    assert usual.fingerprint == expected.fingerprint
