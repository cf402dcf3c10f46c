"""Prove that a backup can be restored."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from config import backups


class Command(BaseCommand):
    help = (
        "Restore a backup into a database of its own, check the ledger there, and drop it again. "
        "FOLDER is one backup, or what holds several: then the newest."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *, folder: Path, **options: object) -> None:
        newest = backups.complete(folder)[-1:] or [folder]
        try:
            self.stdout.write(backups.check(newest[0]))
        except backups.CheckFailed as error:
            raise CommandError(str(error)) from error
