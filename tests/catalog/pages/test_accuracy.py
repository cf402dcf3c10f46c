"""The accuracy of a model page: all figures we have, by subject, each with its source."""

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from django.test import Client

from catalog.loading import cards, openclip_zoo
from catalog.models import Evaluation, ModelCard
from catalog.models.datasets import DATASETS, Subject
from catalog.pages import accuracy, queries, specs
from tests.conftest import FIXTURES
from tests.support.catalog import SEEDS

BIG_G = SEEDS[-1]
ZOO = {row["repo"]: row for row in csv.DictReader((FIXTURES / "zoo.csv").read_text().splitlines())}
MEASURED = [row for row in ZOO.values() if row["average_38"]]
TABLES = {repo: openclip_zoo.document_of(row) for repo, row in ZOO.items()}


def groups(repo: str) -> dict[Subject, list[accuracy.Figure]]:
    card = queries.find_card(repo)
    assert card is not None
    evaluations = card.evaluations.all()
    sheet = specs.sheet_of(card, card.provenance.all(), evaluations)
    return {group.subject: list(group.figures) for group in accuracy.groups_of(evaluations, sheet)}


@pytest.mark.parametrize("repo", SEEDS)
def test_a_seed_shows_every_dataset_of_the_table(catalog: None, client: Client, repo: str) -> None:
    page = client.get(f"/models/{repo}/").content.decode()
    markdown = client.get(f"/models/{repo}.md").content.decode()
    document = client.get(f"/models/{repo}.json").json()

    in_json = {row["dataset"] for row in document["evaluations"]}
    table = {row["dataset"] for row in TABLES[repo]["evaluations"]}
    assert len(table) == 43
    assert table <= in_json
    for name in in_json:
        assert re.search(rf'<th scope="row">{re.escape(name)}[ <]', page), name
        assert f"| {name} |" in markdown


@pytest.mark.parametrize("repo", SEEDS)
def test_a_figure_its_file_states_is_not_shown_twice(catalog: None, repo: str) -> None:
    rows = [
        (figure.dataset, figure.metric) for figures in groups(repo).values() for figure in figures
    ]

    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("repo", SEEDS)
def test_what_a_file_states_and_the_table_measured_are_the_same_figure(repo: str) -> None:
    """Only then may the one stand for the other."""
    path = FIXTURES / f"{repo.replace('/', '--')}.yaml"
    document = yaml.safe_load(path.read_text())
    stated = {row["dataset"]: row["value"] for row in document.get("evaluations", [])}

    for row in TABLES[repo]["evaluations"]:
        if row["dataset"] in stated:
            assert float(row["value"]) == pytest.approx(stated[row["dataset"]], abs=0.1)


def test_a_written_card_keeps_its_own_figures_before_the_tables() -> None:
    own = {"dataset": "MNIST", "value": 50}
    table = [{"dataset": "MNIST", "value": 51}, {"dataset": "SVHN", "value": 52}]

    completed = cards.complete({"repo": "a/b", "evaluations": [own]}, {"evaluations": table})

    assert completed["evaluations"] == [own, table[1]]


def test_a_card_that_no_table_knows_is_as_it_was_written() -> None:
    assert cards.complete({"repo": "a/b"}, {})["evaluations"] == []


def test_a_card_that_lacks_what_it_needs_is_refused_by_its_files_name(
    tmp_path: Path, db: None
) -> None:
    (tmp_path / "sources.yaml").write_text("[]")
    (tmp_path / "zoo.csv").write_text("repo\n")
    (tmp_path / "acme--tiny.yaml").write_text("repo: acme/tiny\nname: Tiny\n")

    with pytest.raises(cards.CatalogError, match=r"acme--tiny\.yaml lacks summary, runtime"):
        cards.load_folder(tmp_path)


def test_a_source_that_nobody_has_written_down_is_named_with_its_file_and_model(
    tmp_path: Path, db: None
) -> None:
    (tmp_path / "sources.yaml").write_text("[]")
    (tmp_path / "zoo.csv").write_text("repo\n")
    (tmp_path / "acme--tiny.yaml").write_text(
        "repo: acme/tiny\nname: Tiny\nsummary: Small.\n"
        "runtime: {loader: transformers, open_clip_model: '', revision: ''}\n"
        "facts: {license: {value: MIT, source: nowhere, read: 2026-11-30}}\n"
    )

    with pytest.raises(cards.CatalogError) as refused:
        cards.load_folder(tmp_path)

    for named in ["acme--tiny.yaml", "acme/tiny", "facts.license", "'nowhere'"]:
        assert named in str(refused.value)


def test_every_dataset_of_the_tables_has_a_subject() -> None:
    names = {row["dataset"] for table in TABLES.values() for row in table["evaluations"]}

    assert names <= set(DATASETS)
    assert Subject.OTHER not in {dataset.subject for dataset in DATASETS.values()}


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row["repo"])
def test_the_average_is_that_of_the_main_metrics(row: dict[str, str]) -> None:
    """So each column holds the metric that DataComp's task list names for its dataset."""
    columns = [name for name in row if name.startswith("top1 ") or name == "imagenet_top1"]

    mean = sum(Decimal(row[name]) for name in columns) / len(columns)

    assert len(columns) == 38
    assert float(mean) == pytest.approx(float(row["average_38"]), abs=0.0001)


@pytest.mark.parametrize(
    ("dataset", "metric"),
    [
        ("MSCOCO retrieval", "recall at 1, mean of both directions"),
        ("Flickr text retrieval", "recall at 1, image to text"),
        ("Oxford Flowers-102", "zero-shot, mean over classes"),
        ("WinoGAViL", "Jaccard score"),
        ("iWildCam", "macro F1"),
        ("MNIST", "zero-shot top-1"),
    ],
)
def test_a_page_made_from_tables_names_the_right_metric(
    catalog: None, dataset: str, metric: str
) -> None:
    row = Evaluation.objects.get(card__repo="apple/DFN2B-CLIP-ViT-B-16", dataset=dataset)

    assert row.metric == metric


def test_figures_come_by_subject(catalog: None) -> None:
    by_subject = {subject: [f.dataset for f in rows] for subject, rows in groups(BIG_G).items()}

    assert by_subject[Subject.MEDICAL] == ["Camelyon17", "PatchCamelyon"]
    assert by_subject[Subject.TEXTURE] == ["Describable Textures"]
    assert by_subject[Subject.SATELLITE] == ["EuroSAT", "FMoW", "RESISC45"]
    assert by_subject[Subject.REASONING] == [
        "CLEVR Counts",
        "CLEVR Distance",
        "KITTI Vehicle Distance",
        "WinoGAViL",
    ]
    assert list(by_subject) == [subject for subject in Subject if subject in by_subject]


def test_each_figure_names_the_source_it_is_from(catalog: None) -> None:
    figures = {f.dataset: f for rows in groups(BIG_G).values() for f in rows}

    assert "first catalog page" in figures["ImageNet-R"].note.title
    assert "openclip_results.csv" in figures["MNIST"].note.title
    assert figures["ImageNet-R"].note.number != figures["MNIST"].note.number


def test_a_footnote_of_a_figure_stands_on_the_page(catalog: None, client: Client) -> None:
    page = client.get(f"/models/{BIG_G}/").content.decode()

    linked = set(re.findall(r'href="#(note-\d+)"', page))
    assert linked == set(re.findall(r'id="(note-\d+)"', page))
    assert len(linked) > 3


def test_chance_is_said_where_guessing_comes_near(catalog: None, client: Client) -> None:
    page = client.get(f"/models/{BIG_G}/").content.decode()

    assert "PatchCamelyon <small>chance 50%" in page
    assert "KITTI Vehicle Distance <small>chance 29.5%" in page
    assert "Food-101 <small>" not in page


def test_the_json_gives_each_figure_subject_chance_and_source(
    catalog: None, client: Client
) -> None:
    rows = client.get(f"/models/{BIG_G}.json").json()["evaluations"]

    [row] = [row for row in rows if row["dataset"] == "PatchCamelyon"]
    assert row["subject"] == "medical"
    assert row["chance_percent"] == 50
    assert row["percent"] == "63.64"
    assert row["source"]["url"].endswith("openclip_results.csv")
    assert row["read_on"] == "2026-11-23"


def test_figures_of_an_unknown_test_are_shown_unfolded(catalog: None) -> None:
    card = ModelCard.objects.get(repo="gigarouter/conse-demo")
    evaluations = card.evaluations.select_related("source")
    sheet = specs.sheet_of(card, card.provenance.all(), evaluations)

    [group] = accuracy.groups_of(evaluations, sheet)

    assert group.subject == Subject.OTHER
    assert group.is_open
    assert (float(group.lowest), float(group.highest)) == (44.0, 89.0)
