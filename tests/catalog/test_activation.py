"""What a card says of its scores is what its weights will do: sigmoid for those with a bias."""

import csv
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.test import Client

from catalog.models import ModelCard
from tests.conftest import FIXTURES, make_card


def open_clip_configs() -> dict[str, bool]:
    """Whether each architecture of open_clip has a bias, and so a sigmoid."""
    package = find_spec("open_clip")
    assert package is not None
    assert package.origin is not None
    files = (Path(package.origin).parent / "model_configs").glob("*.json")
    return {
        file.stem: json.loads(file.read_text()).get("init_logit_bias") is not None for file in files
    }


def test_every_architecture_of_open_clip_is_known_by_its_name() -> None:
    configs = open_clip_configs()

    said = {name: ModelCard(open_clip_model=name).activation == "sigmoid" for name in configs}

    assert len(configs) > 100
    assert said == configs


def test_the_whole_zoo_is_told_apart() -> None:
    with (FIXTURES / "zoo.csv").open(newline="") as file:
        names = {row["open_clip_model"] for row in csv.DictReader(file)}

    assert names <= set(open_clip_configs())


def test_a_repository_of_its_own_architecture_is_not_guessed() -> None:
    assert ModelCard(open_clip_model="hf-hub:lab/model").activation == ""
    assert ModelCard(open_clip_model="", loader="conse").activation == "softmax"


def _without_code(page: str) -> str:
    """Without what was recorded of calls: that is the stand-in's, which is neither of these."""
    return re.sub(r"<pre.*?</pre>|^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("architecture", "expected", "refused"),
    [
        ("ViT-B-16-SigLIP2", "sigmoid", "softmax"),
        ("ViT-B-32-quickgelu", "softmax over your labels", "sigmoid"),
    ],
)
def test_all_forms_of_the_page_describe_the_scores(
    client: Client, db: None, architecture: str, expected: str, refused: str
) -> None:
    towers = {"image_layers": 12, "text_layers": 12, "image_width": 768, "text_width": 512}
    card = make_card("lab/scores", open_clip_model=architecture, embed_dim=512, **towers)

    for address in (card.get_absolute_url(), "/models/lab/scores.md"):
        page = _without_code(client.get(address).content.decode())
        assert expected in page
        assert refused not in page
    assert client.get("/models/lab/scores.json").json()["activation"] == card.activation
