"""The hub as a source: which figures of a card were read there, and when."""

from collections.abc import Iterable
from datetime import date

from catalog.hub import SOURCE_SLUG
from catalog.models import ModelCard, Provenance, Source


def hub_source(address: str = "") -> Source:
    defaults = {"title": "Hugging Face hub", "url": address}
    return Source.objects.get_or_create(slug=SOURCE_SLUG, defaults=defaults)[0]


def cite(card: ModelCard, fields: Iterable[str], *, source: Source, read_on: date) -> None:
    Provenance.objects.bulk_create(
        [Provenance(card=card, field=name, source=source, read_on=read_on) for name in fields],
        update_conflicts=True,
        unique_fields=["card", "field"],
        update_fields=["source", "read_on"],
    )
