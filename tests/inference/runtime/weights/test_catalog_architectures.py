"""Every architecture of the catalog, built without memory and counted against its cards."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import open_clip
import pytest
import yaml
from open_clip import pretrained

from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights.architectures import count_parameters

CATALOG = Path(__file__).parents[4] / "fixtures" / "catalog"
MILLION = 1e6
ROUNDING = 0.011  # the profile's figures have two digits
# Their text towers are built from a config that lies at the hub, not in open_clip nor in the repo.
NOT_BUILT_OFFLINE = {
    "roberta-ViT-B-32": "roberta-base",
    "xlm-roberta-base-ViT-B-32": "xlm-roberta-base",
    "xlm-roberta-large-ViT-H-14": "xlm-roberta-large",
    "nllb-clip-base": "facebook/nllb-200-distilled-600M",
    "nllb-clip-base-siglip": "facebook/nllb-200-distilled-600M",
    "nllb-clip-large": "facebook/nllb-200-distilled-1.3B",
    "nllb-clip-large-siglip": "facebook/nllb-200-distilled-1.3B",
}
# Where the figure of a card is not that of the architecture: name -> (card, counted), in millions.
KNOWN_DIFFERENCES: dict[str, tuple[float, float]] = {}


def figures() -> dict[str, set[float]]:
    """Architecture -> parameters in millions as its cards state them; some state none."""
    figures: dict[str, set[float]] = defaultdict(set)
    with (CATALOG / "zoo.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            stated = row["parameters_millions"]
            figures[row["open_clip_model"]] |= {float(stated)} if stated else set()
    for name, parameters in written_figures():
        figures[name].add(parameters)
    return dict(figures)


def written_figures() -> list[tuple[str, float]]:
    cards = [yaml.safe_load(path.read_text()) for path in sorted(CATALOG.glob("*--*.yaml"))]
    return [
        (card["runtime"]["open_clip_model"], card["facts"]["parameters"]["value"] / MILLION)
        for card in cards
        if card["runtime"]["loader"] != Loader.CONSE
    ]


FIGURES = figures()


def hub_config_of(name: str) -> str | None:
    """The repo whose config the text tower needs, if it is one of transformers."""
    config: dict[str, Any] | None = open_clip.get_model_config(name)
    assert config is not None, f"open_clip has no architecture named {name}"
    hub_name: str | None = config["text_cfg"].get("hf_model_name")
    return hub_name


def test_the_catalog_names_many_architectures() -> None:
    assert len(FIGURES) >= 100
    assert len(written_figures()) >= 5


def test_what_cannot_be_built_offline_is_known() -> None:
    needed = {name: hub_config_of(name) for name in FIGURES}

    assert {name: repo for name, repo in needed.items() if repo} == NOT_BUILT_OFFLINE


@pytest.mark.parametrize("name", sorted(set(FIGURES) - set(NOT_BUILT_OFFLINE)))
def test_parameters_are_those_of_the_cards(name: str) -> None:
    spec = ModelSpec(repo="any/of-them", loader=Loader.OPEN_CLIP, open_clip_model=name, revision="")

    counted = count_parameters(spec) / MILLION

    assert 5 < counted < 10_000
    wrong = {stated for stated in FIGURES[name] if abs(stated - counted) > ROUNDING}
    expected = {KNOWN_DIFFERENCES[name][0]} if name in KNOWN_DIFFERENCES else set()
    assert wrong == expected, f"{name} has {counted:.2f} million parameters"


def checkpoints() -> list[tuple[str, str, str]]:
    with (CATALOG / "zoo.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["repo"], row["open_clip_model"], row["pretrained_tag"]) for row in rows]


@pytest.mark.parametrize(("repo", "name", "tag"), checkpoints())
def test_architectures_have_the_activation_of_their_checkpoint(
    repo: str, name: str, tag: str
) -> None:
    config = open_clip.get_model_config(name) or {}

    if pretrained.get_pretrained_cfg(name, tag).get("quick_gelu"):
        assert config.get("quick_gelu"), f"{repo} needs {name}-quickgelu"
