"""Give a database role what workers need, and nothing else."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.worker import database_role


class Command(BaseCommand):
    help = (
        "Take everything from an existing database role, and grant it what workers need. `prepare`"
        " does it for WORKER_DATABASE_ROLE; run it again as often as you like."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", nargs="?", default=settings.WORKER_DATABASE_ROLE)

    def handle(self, *, role: str, **options: object) -> None:
        if not role:
            raise CommandError("Name a role, or set WORKER_DATABASE_ROLE.")
        try:
            database_role.grant(role)
        except database_role.UnfitRole as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{role} may do what workers need, and nothing else")
