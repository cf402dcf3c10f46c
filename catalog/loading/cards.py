"""Loading the catalog from its YAML fixtures: repeatable, and one card is one transaction."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from django.db import transaction

from catalog import hand_edits, hub, price_history, stages
from catalog.loading import published
from catalog.loading.documents import Document
from catalog.loading.openclip_zoo import documents as zoo_documents
from catalog.loading.summaries import with_summary
from catalog.models import Alias, Evaluation, ModelCard, Provenance, Question, Source

# Fields of a card that its file states directly; everything under `facts` carries a source.
PLAIN_FIELDS = [
    "name",
    "family",
    "task",
    "stage",
    "is_stand_in",
    "known_as",
    "published",
    "updated",
    "summary",
    "summary_is_generated",
    "about",
    "best_for",
    "limits",
]

# Beside its repo, what a written card cannot do without.
REQUIRED = ["name", "summary", "runtime"]

RUNTIME_FIELDS = ["loader", "open_clip_model", "revision"]

# What becomes of a card here: no file knows it, so none takes it away.
LIVED_FIELDS = [
    "successor",
    "deprecated_at",
    "shutdown_at",
    "next_price_nano_usd_per_image",
    "next_price_nano_usd_per_token",
    "next_price_at",
    "launch_price_nano_usd_per_image",
    "launch_price_nano_usd_per_token",
    "launch_price_nano_usd_per_text",
    "measured_images_per_s",
    "measured_usd_per_hour",
    "created_at",
    "changed_at",
    "fixture_sha256",
]

# Of these no file says anything once the card is there.
NOT_FROM_A_FILE = frozenset({"id", "repo", "stage", *LIVED_FIELDS})


class CatalogError(Exception):
    """A fixture that cannot be loaded; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Loaded:
    """How many cards the load wrote anew, brought up to date, and found as they were.

    `hand_edited` names the parts that a changed file has left alone for that, by the card's repo.
    """

    created: int
    updated: int
    unchanged: int
    hand_edited: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = f"{self.created} new cards, {self.updated} updated, {self.unchanged} unchanged"
        edited = ", ".join(
            f"{repo} ({', '.join(parts)})" for repo, parts in self.hand_edited.items()
        )
        return f"{counts}; kept as edited by hand: {edited}" if edited else counts


def load_folder(folder: Path) -> Loaded:
    """Load the sources, the written cards, and those of the zoo that nobody has written.

    Of a document all is written but what was edited by hand.
    """
    sources = load_sources(folder / "sources.yaml")
    documents = documents_of(folder)
    known = dict(ModelCard.objects.values_list("repo", "fixture_sha256"))
    created = updated = 0
    hand_edited = {}
    # By fingerprint, so that loading again is quick: it is done at each start of `make run`.
    for repo, document in documents.items():
        if known.get(repo) != fingerprint(document):
            _check_sources(document, sources, folder)
            if by_hand := load_card(document, sources):
                hand_edited[repo] = sorted(by_hand)
            created += repo not in known
            updated += repo in known
    stages.record_births("added to the catalog")
    price_history.record_all()
    unchanged = len(documents) - created - updated
    return Loaded(created, updated, unchanged, hand_edited)


def documents_of(folder: Path) -> dict[str, Document]:
    """Every card's document by its repo: its own file first, then OpenCLIP's tables, then what the
    authors publish, then what was computed from the installed libraries.
    """
    tables = {document["repo"]: document for document in zoo_documents(folder / "zoo.csv")}
    files = map(_read, card_files(folder))
    written = {file["repo"]: complete(file, tables.get(file["repo"], {})) for file in files}
    names = published.names_by_repo(folder / "names.csv")
    facts = published.facts_by_repo(folder / "facts.csv", folder / "computed.csv")
    gathered = {}
    for repo, document in (tables | written).items():
        is_written = repo in written
        named = names.get(repo, {})
        document = document | named if not is_written else named | document
        document = published.completed(document, facts.get(repo, {}), is_written=is_written)
        gathered[repo] = document if is_written else with_summary(document)
    return gathered


def complete(written: Document, table: Document) -> Document:
    """A written card with the table's figures for all datasets that its file does not state."""
    stated = written.get("evaluations", [])
    names = {row["dataset"] for row in stated}
    added = [row for row in table.get("evaluations", []) if row["dataset"] not in names]
    return written | {"evaluations": [*stated, *added]}


def card_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.yaml")) if path.name != "sources.yaml")


def fingerprint(document: Document) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def load_sources(path: Path) -> dict[str, Source]:
    """`sources.yaml`, whose sources are described, and `sources.csv`, whose titles say enough."""
    described = yaml.safe_load(path.read_text())
    known = {source.slug: source for source in Source.objects.all()}
    for row in [*described, *published.sources(path.with_suffix(".csv"))]:
        values = {
            "title": row["title"],
            "url": row.get("url") or "",
            "description": row.get("description") or "",
        }
        source = known.setdefault(row["slug"], Source(slug=row["slug"]))
        if source.pk is None or any(getattr(source, key) != text for key, text in values.items()):
            for key, text in values.items():
                setattr(source, key, text)
            source.save()
    return known


def _check_sources(document: Document, sources: dict[str, Source], folder: Path) -> None:
    """Raises CatalogError for a slug that no list of sources has."""
    named = {f"facts.{key}": fact["source"] for key, fact in document.get("facts", {}).items()}
    rows = document.get("evaluations", [])
    named |= {f"evaluations of {row['dataset']}": row["source"] for row in rows}
    for place, slug in named.items():
        if slug not in sources:
            file = _file_of(document["repo"], folder)
            raise CatalogError(
                f"{file}: {document['repo']}, {place}: sources.yaml has no source {slug!r}"
            )


def _file_of(repo: str, folder: Path) -> str:
    names = (path.name for path in card_files(folder) if _read(path)["repo"] == repo)
    return next(names, "zoo.csv or facts.csv")


@transaction.atomic
def load_card(document: Document, sources: dict[str, Source]) -> set[str]:
    """Write one card and all that belongs to it; returns the parts edited by hand, which stay."""
    by_hand = hand_edits.parts_of(document["repo"])
    facts = document.get("facts", {})
    fields = {name: document[name] for name in PLAIN_FIELDS if name in document}
    fields |= document["runtime"] | {"fixture_sha256": fingerprint(document)}
    fields |= _unknown_facts() | {key: fact["value"] for key, fact in facts.items()}
    keep = by_hand | _known_from_the_hub(document)
    # The stage is the card's own: a file sets it only as the card is created.
    lasting = {key: value for key, value in fields.items() if key not in {"stage", *keep}}
    card, is_new = ModelCard.objects.update_or_create(
        repo=document["repo"], defaults=lasting, create_defaults=fields
    )
    if is_new and card.status.is_callable and not card.is_stand_in:
        raise CatalogError(f"{card} cannot start as {card.stage}: bring it there by a launch")
    _write_provenance(card, facts, sources, keep=keep)
    if "evaluations" not in by_hand:
        _write_evaluations(card, document.get("evaluations", []), sources)
    if "faq" not in by_hand:
        _write_faq(card, document.get("faq", []))
    if "aliases" not in by_hand:
        _add_aliases(card, document.get("aliases", []))
    return by_hand


def _known_from_the_hub(document: Document) -> set[str]:
    # What the hub has filled in stays where the document says nothing of it.
    read = Provenance.objects.filter(card__repo=document["repo"], source__slug=hub.SOURCE_SLUG)
    stated = document | document["runtime"] | document.get("facts", {})
    return {field for field in read.values_list("field", flat=True) if not stated.get(field)}


def _unknown_facts() -> Document:
    # Every fact at its empty value, so that one that left its file leaves the card, too.
    others = {"id", "repo", *PLAIN_FIELDS, *RUNTIME_FIELDS, *LIVED_FIELDS}
    fields = (f for f in ModelCard._meta.fields if f.name not in others and not f.generated)
    return {field.name: field.get_default() for field in fields}


def _write_provenance(
    card: ModelCard, facts: Document, sources: dict[str, Source], *, keep: set[str]
) -> None:
    card.provenance.exclude(field__in=keep).delete()
    Provenance.objects.bulk_create(
        Provenance(
            card=card,
            field=key,
            source=sources[fact["source"]],
            read_on=fact["read"],
            remark=fact.get("remark", ""),
        )
        for key, fact in facts.items()
        if key not in keep
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


def _add_aliases(card: ModelCard, names: list[str]) -> None:
    # None is taken away: an address that once led here still stands in other people's pages.
    for name in names:
        defaults = {"name": name, "card": card}
        alias, _ = Alias.objects.get_or_create(name__iexact=name, defaults=defaults)
        if alias.card_id != card.pk:
            raise CatalogError(f"{name} cannot lead to {card}: it leads to {alias.card}")


def _read(path: Path) -> Document:
    document = yaml.safe_load(path.read_text())
    if not isinstance(document, dict) or "repo" not in document:
        raise CatalogError(f"{path.name} holds no card: it needs at least a repo")
    if missing := [key for key in REQUIRED if key not in document]:
        raise CatalogError(f"{path.name} lacks {', '.join(missing)}")
    return document
