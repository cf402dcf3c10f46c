"""Computes what the installed libraries can tell of the catalog's architectures."""

import csv
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from catalog.models import ModelCard, Provenance
from inference.runtime import libraries
from inference.runtime.architecture import measures
from inference.runtime.errors import LibrariesMissing, WeightsUnusable

LIBRARIES = ("torch", "open_clip_torch", "timm")
SOURCE = "computed"
HEADER = ["repo", "field", "value", "source", "read", "remark"]


class Command(BaseCommand):
    help = (
        "Count parameters and FLOPs, and read sizes and layers, of every architecture of the"
        " catalog that the installed open_clip can build offline. What nobody has published is"
        " written as fixture rows, for load_catalog; what differs from a published figure is named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        default = settings.BASE_DIR / "fixtures" / "catalog" / "computed.csv"
        parser.add_argument("path", nargs="?", type=Path, default=default)
        parser.add_argument("--only", nargs="*", metavar="ARCHITECTURE", help="none: all")

    def handle(self, *, path: Path, only: list[str] | None, **options: object) -> None:
        try:
            libraries.require()
        except LibrariesMissing as error:
            raise CommandError(str(error)) from error
        rows = sorted(self._rows(only))
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([HEADER, *rows])
        self.stdout.write(f"{len(rows)} figures written to {path.name}")

    def _rows(self, only: list[str] | None) -> Iterator[list[str]]:
        versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        remark = f"computed with {versions}"
        today = timezone.localdate().isoformat()
        cards = ModelCard.objects.real().exclude(open_clip_model="").order_by("repo")
        for name in sorted(only or set(cards.values_list("open_clip_model", flat=True))):
            try:
                figures = measures.measure(name)
            except WeightsUnusable as error:
                self.stderr.write(str(error))
                continue
            for card in cards.filter(open_clip_model=name):
                self._name_differences(card, figures)
                for field in figures.keys() - _published(card):
                    yield [card.repo, field, str(figures[field]), SOURCE, today, remark]

    def _name_differences(self, card: ModelCard, figures: measures.Figures) -> None:
        for line in measures.differences(card, figures):
            self.stdout.write(f"{card.repo}: {line}")


def _published(card: ModelCard) -> set[str]:
    cited = Provenance.objects.filter(card=card).exclude(source__slug=SOURCE)
    return set(cited.values_list("field", flat=True))
