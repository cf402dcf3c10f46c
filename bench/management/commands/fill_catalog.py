"""`manage.py fill_catalog 10000`: made-up cards until there are that many."""

from django.core.management.base import BaseCommand, CommandParser

from bench.pages import cards


class Command(BaseCommand):
    help = "Add made-up cards until the catalog has that many."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("total", type=int)

    def handle(self, *, total: int, **options: object) -> None:
        cards.fill(total)
        self.stdout.write(f"{total} cards in the catalog")
