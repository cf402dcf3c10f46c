"""What is computed of an architecture is what OpenCLIP publishes of it."""

import csv
from types import SimpleNamespace

import pytest

from inference.runtime.architecture import measures
from inference.runtime.errors import WeightsUnusable
from tests.conftest import FIXTURES

NAMES = ("ViT-B-32", "RN50-quickgelu")


def published(name: str) -> SimpleNamespace:
    with (FIXTURES / "zoo.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["open_clip_model"] == name)
    figures = {key: float(row[key]) for key in ("image_gflops", "text_gflops", "image_size")}
    return SimpleNamespace(parameters=float(row["parameters_millions"]) * 1e6, **figures)


@pytest.mark.parametrize("name", NAMES)
def test_computed_figures_are_the_published_ones(name: str) -> None:
    assert measures.differences(published(name), measures.measure(name)) == []


def test_a_difference_is_named() -> None:
    stated = SimpleNamespace(parameters=5, image_size=224)

    assert measures.differences(stated, {"image_size": 256, "parameters": 5}) == [
        "image_size published as 224, computed as 256"
    ]


def test_towers_of_timm_are_measured() -> None:
    figures = measures.measure("ViT-B-16-SigLIP")

    assert figures["image_layers"] == 12
    assert figures["image_width"] == 768
    assert figures["image_heads"] == 12
    assert figures["patch_size"] == 16
    assert figures["image_gflops"] > 30


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(WeightsUnusable, match="no architecture named"):
        measures.measure("no-such-model")


def test_an_architecture_with_a_part_on_the_hub_is_refused_without_asking_there() -> None:
    with pytest.raises(WeightsUnusable, match="needs the configuration of roberta-base"):
        measures.measure("roberta-ViT-B-32")
