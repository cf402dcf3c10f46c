"""The specs of a card: rows of label, value and footnote, each footnote a source and a day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from catalog.models import Evaluation, ModelCard, Provenance, licenses
from catalog.numbers.formatting import quantity
from catalog.standing import license_terms

# A source and the day on which something was read there.
Reading = tuple[int, date]

COMPUTED = "computed"
ARXIV = "https://arxiv.org/abs"
SCORES = {
    "softmax": "softmax over your labels: compared with each other, they add up to 100 %",
    "sigmoid": "sigmoid of each label by itself: they have no fixed sum",
    "": "",
}


@dataclass(frozen=True)
class Note:
    number: int
    title: str
    url: str
    read_on: date


@dataclass(frozen=True)
class Row:
    """One line of the specs. `value` is empty when the figure is unknown; `url` is where it leads;
    `remark` is a doubt about it.
    """

    label: str
    value: str
    note: Note | None = None
    url: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Sheet:
    """`notes` are numbered from 1, each once; `note_of` finds one by the card's field."""

    rows: Sequence[Row]
    notes: Sequence[Note]
    note_of: Mapping[str, Note]
    note_at: Mapping[Reading, Note]


def sheet_of(
    card: ModelCard, provenance: Iterable[Provenance], evaluations: Iterable[Evaluation] = ()
) -> Sheet:
    """The card's specs, with a footnote for each figure whose provenance is given.

    The footnotes of `evaluations` are numbered behind them.
    """
    provenance = list(provenance)
    note_at = _notes([*provenance, *evaluations])
    note_of = {row.field: note_at[row.source_id, row.read_on] for row in provenance}
    # With which versions a figure was computed, its source and the JSON tell.
    remarks = {row.field: row.remark for row in provenance if row.source.slug != COMPUTED}
    rows = [
        Row(line.label, line.value, note_of.get(line.field), line.url, remarks.get(line.field, ""))
        for line in lines_of(card)
        if line.value or not line.is_extra
    ]
    return Sheet(rows=rows, notes=list(note_at.values()), note_of=note_of, note_at=note_at)


def _notes(sourced: Iterable[Provenance | Evaluation]) -> dict[Reading, Note]:
    """Figures read at one place on one day share a footnote."""
    notes: dict[Reading, Note] = {}
    for row in sourced:
        key = (row.source_id, row.read_on)
        if key not in notes:
            notes[key] = Note(
                len(notes) + 1, row.source.title, row.source.href(row.card_id), row.read_on
            )
    return notes


class Line(NamedTuple):
    """One line of the specs before its footnote: `field` is the figure that has the source, empty
    where it is our own doing. An extra line is left out where nothing is known.
    """

    label: str
    field: str
    value: str
    url: str = ""
    is_extra: bool = False


def lines_of(card: ModelCard) -> list[Line]:
    image = _tower(card.image_layers, card.image_width, card.image_heads)
    text = _tower(card.text_layers, card.text_width, card.text_heads)
    return [
        Line("task", "tasks", card.tasks or card.get_task_display()),
        Line("architecture", "architecture", card.architecture),
        Line("image tower", "image_layers", image),
        Line("text tower", "text_layers", text),
        Line("parameters", "parameters", _parameters(card)),
        Line("compute", "image_gflops", _compute(card)),
        Line("input", "image_size", _input(card)),
        Line("embedding", "embed_dim", _embedding(card)),
        Line("scores", "", SCORES[card.activation]),
        Line("training data", "training_data", card.training_data),
        *_training(card),
        Line("ImageNet zero-shot", "imagenet_top1", _percent(card.imagenet_top1)),
        Line(
            "the authors' own figure",
            "authors_imagenet_top1",
            _percent(_authors_other_figure(card)),
            is_extra=True,
        ),
        *_paper(card),
        *_license(card),
    ]


def _authors_other_figure(card: ModelCard) -> float | None:
    # Where it is the card's figure, its line says so.
    figure = card.authors_imagenet_top1
    return None if figure == card.imagenet_top1 else figure


def _training(card: ModelCard) -> list[Line]:
    pairs = card.training_pairs and f"{quantity(card.training_pairs)} image-text pairs"
    pool = card.pool_size and f"{quantity(card.pool_size)} image-text pairs, before the filter"
    seen = card.samples_seen and f"{quantity(card.samples_seen)} samples"
    languages = card.languages and (
        "English" if card.languages == 1 else f"{card.languages} languages"
    )
    lines = [
        ("training pairs", "training_pairs", pairs),
        ("pool", "pool_size", pool),
        ("seen in training", "samples_seen", seen),
        ("fine-tuned on", "fine_tuned_on", card.fine_tuned_on),
        ("distilled from", "distilled_from", card.distilled_from),
        ("languages", "languages", languages),
    ]
    return [Line(label, field, value or "", is_extra=True) for label, field, value in lines]


def _paper(card: ModelCard) -> list[Line]:
    year = f" ({card.paper_year})" if card.paper_year else ""
    arxiv = f"arXiv {card.paper_arxiv}" if card.paper_arxiv else ""
    title = f"{card.paper_title}{year}" if card.paper_title else ""
    url = f"{ARXIV}/{card.paper_arxiv}" if card.paper_arxiv else ""
    field = "paper_title" if title else "paper_arxiv"
    released = f"{card.released:%b %Y}" if card.released else ""
    listed = f"{card.open_clip_since:%b %Y}" if card.open_clip_since else ""
    return [
        Line("paper", field, ", ".join(filter(None, [title, arxiv])), url, is_extra=True),
        Line("released by its authors", "released", released, is_extra=True),
        Line("listed in OpenCLIP since", "open_clip_since", listed, is_extra=True),
    ]


def _license(card: ModelCard) -> list[Line]:
    terms = license_terms.of(card)
    reported = licenses.find(card.license_reported).name
    other = licenses.find(card.license_conflicting).name
    return [
        Line("license", "license", terms.name, terms.url),
        Line("license, as others report it", "license_reported", reported, is_extra=True),
        Line("license, by another record", "license_conflicting", other, is_extra=True),
        Line("commercial use", terms.field, terms.sentence),
    ]


def _embedding(card: ModelCard) -> str:
    return f"{card.embed_dim} dimensions, L2-normalized" if card.embed_dim else ""


def _tower(layers: int | None, width: int | None, heads: int | None) -> str:
    parts = [
        f"{layers} layers" if layers else "",
        f"width {width:,}" if width else "",
        f"{heads} heads" if heads else "",
    ]
    return " · ".join(filter(None, parts))


def _parameters(card: ModelCard) -> str:
    exact = f"{card.parameters / 1e6:,.2f}M" if card.parameters else ""
    stated = f"stated as {card.stated_parameters}" if card.stated_parameters else ""
    return " · ".join(filter(None, [exact, stated]))


def _compute(card: ModelCard) -> str:
    if card.image_gflops is None:
        return ""
    text = f" · {card.text_gflops:g} per label" if card.text_gflops else ""
    return f"{card.image_gflops:g} GFLOPs per image{text}"


def _input(card: ModelCard) -> str:
    if not card.image_size:
        return ""
    grid = f" · {card.patch_grid}×{card.patch_grid} patches" if card.patch_grid else ""
    text = f" · {card.context_length} tokens of text" if card.context_length else ""
    return f"{card.image_size}×{card.image_size} px{grid}{text}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:g} % top-1"
