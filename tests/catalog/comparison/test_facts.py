"""The facts of models side by side."""

from collections.abc import Sequence

from catalog.comparison import facts
from catalog.comparison.facts import Row
from catalog.comparison.notes import Notes
from catalog.models import ModelCard

L14 = "openai/clip-vit-large-patch14"
B32 = "openai/clip-vit-base-patch32"


def cards(*repos: str) -> list[ModelCard]:
    return [ModelCard.objects.get(repo=repo) for repo in repos]


def measures(*repos: str) -> dict[str, Row]:
    chosen = cards(*repos)
    return by_label(facts.measures_of(chosen, Notes(chosen)))


def by_label(rows: Sequence[Row]) -> dict[str, Row]:
    return {row.label: row for row in rows}


def test_the_better_figure_wins_whether_large_or_small(catalog: None) -> None:
    rows = measures(L14, B32)

    assert [c.is_best for c in rows["ImageNet zero-shot"].cells] == [True, False]
    assert [c.is_best for c in rows["compute"].cells] == [False, True]
    assert [c.is_best for c in rows["price"].cells] == [False, True]


def test_a_bar_is_a_share_of_the_largest_figure(catalog: None) -> None:
    [large, small] = measures(L14, B32)["compute"].cells

    assert (large.share, small.share) == (100, 5.4)


def test_nobody_wins_a_draw(catalog: None) -> None:
    rows = measures(L14, "laion/CLIP-ViT-L-14-laion2B-s32B-b82K")

    assert not any(cell.is_best for cell in rows["price"].cells)


def test_an_unknown_figure_neither_wins_nor_has_a_bar(catalog: None) -> None:
    rows = measures(L14, "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K")

    downloads = rows["downloads"].cells
    assert (downloads[0].text, downloads[1].text) == ("12.4M", "")
    assert not downloads[1].is_best
    assert downloads[1].share is None
    assert downloads[1].note is None


def test_specs_that_differ_come_first(catalog: None) -> None:
    chosen = cards(L14, B32)
    differs = [row.differs for row in facts.specs_of(chosen, Notes(chosen))]

    assert differs == sorted(differs, reverse=True)
    assert {True, False} == set(differs)


def test_each_sourced_figure_has_its_footnote(catalog: None) -> None:
    chosen = cards(L14, B32)
    notes = Notes(chosen)
    rows = facts.measures_of(chosen, notes)

    for card in chosen:
        column = chosen.index(card)
        for field, label in [("imagenet_top1", "ImageNet zero-shot"), ("image_gflops", "compute")]:
            source = card.provenance.get(field=field).source
            note = by_label(rows)[label].cells[column].note
            assert note is not None
            assert note.title == source.title
    assert [note.number for note in notes.cited] == list(range(1, len(notes.cited) + 1))
