"""What is written about a model ranks it nowhere, and stays true whatever becomes of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from catalog.loading import cards
from catalog.loading.documents import Document
from catalog.loading.openclip_zoo import documents
from tests.catalog.pages.superlatives import ranks_in
from tests.conftest import FIXTURES

WRITTEN = [yaml.safe_load(path.read_text()) for path in cards.card_files(FIXTURES)]
ZOO = list(documents(FIXTURES / "zoo.csv"))
SOURCES = [
    {"repo": f"source {row['slug']}", **row}
    for row in yaml.safe_load((FIXTURES / "sources.yaml").read_text())
]
# Names, and where figures were read, are other people's words.
NOT_PROSE = {"repo", "name", "runtime", "title", "url"}
TEMPLATES = Path(__file__).parents[3] / "templates" / "catalog"
OF_MODELS = [
    path for room in ("model", "finding", "sources") for path in (TEMPLATES / room).iterdir()
]
# Headings, and orders that are computed.
FINE_IN_TEMPLATES = {"best for", "The most wanted comes next", "Not in the catalog"}
# What a launch, a worker or a price decides; `catalog.standing` says it on each page.
DECIDED_LATER = re.compile(
    r"coming soon|waitlist|\bvot(?:e|es|ed|ing)\b|\blive\b|\blaunch|api provider|free credit"
    r"|\bsign(?:ing)? in\b|demand board|roadmap|\bplayground\b|\bhosted\b|\$\s?\d"
    r"|when this page was written|\bpreview\b|\bretired\b|\bdeprecated\b|\bstage\b",
    re.IGNORECASE,
)
REAL = [row for row in [*WRITTEN, *ZOO] if not row.get("is_stand_in")]


def sentences(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in NOT_PROSE:
                yield from sentences(part)
    elif isinstance(value, list):
        for part in value:
            yield from sentences(part)


@pytest.mark.parametrize("document", [*WRITTEN, *ZOO, *SOURCES], ids=lambda row: row["repo"])
def test_no_fixture_ranks_a_model(document: Document) -> None:
    assert [rank for text in sentences(document) for rank in ranks_in(text)] == []


@pytest.mark.parametrize("document", REAL, ids=lambda row: row["repo"])
def test_no_fixture_says_what_a_launch_decides(document: Document) -> None:
    prose = {name: part for name, part in document.items() if name not in {"stage", "facts"}}

    assert [text for text in sentences(prose) if DECIDED_LATER.search(text)] == []


@pytest.mark.parametrize("template", sorted(OF_MODELS), ids=lambda path: path.name)
def test_no_template_ranks_a_model(template: Path) -> None:
    code = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]+>", re.DOTALL)
    text = " ".join(code.sub(" ", template.read_text()).split())
    for phrase in FINE_IN_TEMPLATES:
        text = text.replace(phrase, " ")

    assert list(ranks_in(text)) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "The largest CLIP in this list.",
        "It has the highest ImageNet figure.",
        "It is the smallest and quickest.",
        "The most accurate CLIP so far.",
        "OpenAI's most downloaded model",
        "State-of-the-art retrieval",
        "Unmatched on cars.",
        "the only model that reads Thai",
        "It leads on ImageNet-A.",
        "Among the top models for search.",
        "a world-class encoder",
        "It outperforms all others.",
        "better than any other",
        "17th of 112 by accuracy",
        "second to none",
        "The least expensive of them",
        "our best model",
        "the number one choice",
    ],
)
def test_a_rank_is_found(sentence: str) -> None:
    assert list(ranks_in(sentence)) != []


@pytest.mark.parametrize(
    "sentence",
    [
        "Test it on your own pictures at least once.",
        "Zero-shot top-1 is 75.5%, top 5 is higher.",
        "the rest of the tests, on request",
        "In most of the images, and most classes",
        "It is more accurate than ViT-B/32 and needs more compute.",
        'Our first page called it "one of the largest" of OpenAI\'s variants.',
        "the label nearest to the picture's vector",
        "DataComp is a contest about data.",
    ],
)
def test_what_ranks_nothing_is_left_alone(sentence: str) -> None:
    assert list(ranks_in(sentence)) == []
