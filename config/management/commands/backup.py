"""Save database and pictures in a folder, while the site runs."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from config import backups


class Command(BaseCommand):
    help = (
        "Write a backup below FOLDER, which only its owner can read; --keep N removes older ones."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--keep", type=int, help="how many backups to keep, this one included")

    def handle(self, *, folder: Path, keep: int | None, **options: object) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep must be 1 or more.")
        try:
            made = backups.make(folder)
        except backups.BackupFailed as error:
            raise CommandError(str(error)) from error
        removed = backups.remove_old(folder, keep=keep) if keep else []
        self.stdout.write(f"{made} written, {len(removed)} removed")
