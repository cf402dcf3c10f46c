"""Loading the catalog from its YAML fixtures: repeatable, and one card is one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from catalog.models import Evaluation, ModelCard, Provenance, Question, Source

# Fields of a card that its file states directly; everything under `facts` carries a source.
PLAIN_FIELDS = [
    "name", "family", "task", "stage", "is_stand_in", "published", "updated",
    "summary", "about", "best_for", "limits",
]  # fmt: skip

RUNTIME_FIELDS = ["loader", "open_clip_model", "revision"]

# YAML holds what YAML holds: text, numbers, dates, lists. Fields and constraints check it.
Document = dict[str, Any]


class CatalogError(Exception):
    """A fixture that cannot be loaded; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Loaded:
    """How many cards the last load wrote anew and how many it brought up to date."""

    created: int
    updated: int


def load_folder(folder: Path) -> Loaded:
    """Load `sources.yaml` and then every card of the folder; running it again changes nothing."""
    sources = load_sources(folder / "sources.yaml")
    created = [load_card(_read(path), sources) for path in card_files(folder)]
    return Loaded(created=sum(created), updated=len(created) - sum(created))


def card_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.yaml")) if path.name != "sources.yaml")


def load_sources(path: Path) -> dict[str, Source]:
    for row in yaml.safe_load(path.read_text()):
        defaults = {"title": row["title"], "url": row.get("url") or ""}
        Source.objects.update_or_create(slug=row["slug"], defaults=defaults)
    return {source.slug: source for source in Source.objects.all()}


@transaction.atomic
def load_card(document: Document, sources: dict[str, Source]) -> bool:
    """Write one card with its facts, evaluations and questions. True if the card is new.

    The stage is a card's own life: a file sets it only at the card's birth.
    """
    facts = document.get("facts", {})
    fields = {name: document[name] for name in PLAIN_FIELDS if name in document}
    fields |= document["runtime"]
    fields |= _unknown_facts() | {key: fact["value"] for key, fact in facts.items()}
    lasting = {key: value for key, value in fields.items() if key != "stage"}
    card, is_new = ModelCard.objects.update_or_create(
        repo=document["repo"], defaults=lasting, create_defaults=fields
    )
    _write_provenance(card, facts, sources)
    _write_evaluations(card, document.get("evaluations", []), sources)
    _write_faq(card, document.get("faq", []))
    return is_new


def _unknown_facts() -> Document:
    """Every fact at its empty value, so that one that left its file leaves the card, too."""
    others = {"id", "repo", *PLAIN_FIELDS, *RUNTIME_FIELDS}
    fields = (field for field in ModelCard._meta.fields if field.name not in others)
    return {field.name: field.get_default() for field in fields}


def _write_provenance(card: ModelCard, facts: Document, sources: dict[str, Source]) -> None:
    card.provenance.all().delete()
    Provenance.objects.bulk_create(
        Provenance(card=card, field=key, source=sources[fact["source"]], read_on=fact["read"])
        for key, fact in facts.items()
    )


def _write_evaluations(card: ModelCard, rows: list[Document], sources: dict[str, Source]) -> None:
    card.evaluations.all().delete()
    Evaluation.objects.bulk_create(
        Evaluation(
            card=card,
            dataset=row["dataset"],
            metric=row["metric"],
            value=row["value"],
            source=sources[row["source"]],
            read_on=row["read"],
            position=position,
        )
        for position, row in enumerate(rows)
    )


def _write_faq(card: ModelCard, rows: list[Document]) -> None:
    card.faq.all().delete()
    Question.objects.bulk_create(
        Question(card=card, question=row["question"], answer=row["answer"], position=position)
        for position, row in enumerate(rows)
    )


def _read(path: Path) -> Document:
    document = yaml.safe_load(path.read_text())
    if not isinstance(document, dict) or "repo" not in document:
        raise CatalogError(f"{path.name} holds no card: it needs at least a repo")
    return document
