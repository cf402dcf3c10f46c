"""All that a new version needs before its processes start."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from config import database


class Command(BaseCommand):
    help = (
        "Check the settings, migrate the database, give its roles what they need,"
        " load the catalog and collect static files."
        " Run it again as often as you like; several at once take turns."
    )
    requires_system_checks: list[str] = []  # the first step runs them, those for deployment, too

    # Any: whatever options a command is given.
    def handle(self, **options: Any) -> None:
        """Raises SystemCheckError before anything is changed."""
        quiet = {"stdout": self.stdout, "stderr": self.stderr}
        call_command("check", deploy=not settings.DEBUG, **quiet)
        call_command("migrate", interactive=False, verbosity=0, **quiet)
        if settings.DATABASE_DIRECT_URL:
            with connection.cursor() as cursor:
                database.give_to_role(settings.PAGE_TIME_LIMITS, cursor)
        if settings.WORKER_DATABASE_ROLE:
            call_command("grant_worker_role", **quiet)
        call_command("load_catalog", **quiet)
        call_command("collectstatic", interactive=False, verbosity=0, **quiet)
        self.stdout.write("prepared: start the processes of this version")
