"""Django's migrate, fit for a site that is running."""

import time
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from catalog.infrastructure.locks import session_lock

LOCK = "migrate"
TRIES = 30
PAUSE_S = 1.0


class Command(migrate.Command):
    help = (
        f"{migrate.Command.help} One at a time: others wait. What cannot lock its table, because"
        " somebody reads it, lets the others go first, and is tried again."
    )

    # Any: Django's own options.
    def handle(self, *args: Any, **options: Any) -> None:
        for number in range(1, TRIES + 1):
            try:
                return self._migrate(*args, **options)
            except (OperationalError, LockNotAvailable) as error:
                is_locked = isinstance(error.__cause__ or error, LockNotAvailable)
                if number == TRIES or not is_locked:
                    raise
                self.stderr.write(f"a table is in use, trying again ({number} of {TRIES - 1})")
                time.sleep(PAUSE_S)
        return None

    def _migrate(self, *args: Any, **options: Any) -> None:
        """Two at once would both make the same table."""
        with session_lock(LOCK):
            super().handle(*args, **options)
