"""Load the catalog's fixtures; safe to run again."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from catalog.loading import cards


class Command(BaseCommand):
    help = (
        "Load model cards from YAML fixtures; running it again changes nothing. What was edited by "
        "hand in the admin is kept, and named where its file has changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        default = settings.BASE_DIR / "fixtures" / "catalog"
        parser.add_argument("folder", nargs="?", type=Path, default=default)

    def handle(self, *, folder: Path, **options: object) -> None:
        self.stdout.write(f"catalog: {cards.load_folder(folder)}")
