"""Accuracy of models side by side: like is compared with like, and the widest range comes first."""

from datetime import date

from catalog.comparison import accuracies
from catalog.comparison.notes import Notes
from catalog.models import Evaluation, ModelCard, Source
from catalog.numbers.formatting import accuracy
from tests.conftest import make_card

L14 = "openai/clip-vit-large-patch14"
B32 = "openai/clip-vit-base-patch32"
H14 = "apple/DFN5B-CLIP-ViT-H-14-378"


def table(*repos: str) -> accuracies.Table:
    cards = [ModelCard.objects.get(repo=repo) for repo in repos]
    return accuracies.table_of(cards, Notes(cards))


def result(card: ModelCard, dataset: str, percent: float, *, source: str = "run") -> None:
    found, _ = Source.objects.get_or_create(slug=source, defaults={"title": source})
    card.evaluations.create(
        dataset=dataset,
        metric="zero-shot top-1",
        value=percent,
        source=found,
        read_on=date(2026, 11, 30),
    )


def test_every_dataset_that_a_model_states_has_a_row(catalog: None) -> None:
    compared = table(L14, B32, H14)
    labels = {row.label for row in [*compared.differing, *compared.others]}
    stated = set(
        Evaluation.objects.filter(card__repo__in=[L14, B32, H14]).values_list("dataset", flat=True)
    )

    assert labels == stated - {"average over 38 datasets"}
    assert len(compared.differing) == accuracies.SHOWN


def test_the_widest_range_comes_first(catalog: None) -> None:
    compared = table(L14, B32, H14)
    ranges = []
    for row in [*compared.differing, *compared.others]:
        shares = [cell.share for cell in row.cells if cell.share is not None]
        ranges.append(max(shares) - min(shares))

    assert ranges == sorted(ranges, reverse=True)


def test_what_only_one_model_states_comes_last(db: None) -> None:
    one, other = make_card("o/one"), make_card("o/other")
    result(one, "MNIST", 90)
    result(one, "GTSRB", 50)
    result(other, "GTSRB", 50)

    compared = table("o/one", "o/other")

    assert [row.label for row in compared.differing] == ["GTSRB", "MNIST"]
    assert compared.differing[1].cells[1].text == ""
    assert not any(cell.is_best for row in compared.differing for cell in row.cells[1:])


def test_the_usual_source_stands_once_and_another_one_in_its_cell(db: None) -> None:
    one, other = make_card("o/one"), make_card("o/other")
    for dataset, value in [("MNIST", 90), ("GTSRB", 50), ("SVHN", 30)]:
        result(one, dataset, value)
        result(other, dataset, value - 10, source="authors" if dataset == "SVHN" else "run")

    compared = table("o/one", "o/other")

    assert [note.title if note else "" for note in compared.sources] == ["run", "run"]
    notes = {row.label: [cell.note for cell in row.cells] for row in compared.differing}
    assert notes["MNIST"] == [None, None]
    assert notes["SVHN"][0] is None
    assert notes["SVHN"][1] is not None
    assert notes["SVHN"][1].title == "authors"


def test_a_model_without_results_stays_unknown(catalog: None) -> None:
    make_card("o/unmeasured")

    compared = table(L14, "o/unmeasured")

    assert compared.sources[1] is None
    assert {row.cells[1].text for row in compared.differing} == {""}


def test_the_mean_of_all_datasets_is_a_row_of_its_own(catalog: None) -> None:
    cards = [ModelCard.objects.get(repo=repo) for repo in (L14, B32)]
    mean = accuracies.mean_row(cards, Notes(cards))

    assert mean is not None
    assert [cell.text for cell in mean.cells] == [
        accuracy(card.evaluations.get(dataset="average over 38 datasets").value) for card in cards
    ]
