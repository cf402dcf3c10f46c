"""Whether the version before could go on beside new migrations: `python -m tests.lint_migrations`.

Run by `make check`. What was there when the linter came is left alone. A new one that has to break
its rules says `IgnoreMigration()`, with the reason beside it.
"""

import os
import sys

import django
from django.db.migrations.loader import MigrationLoader

# The newest of each app when the linter came.
KNOWN = {"catalog": 25, "accounts": 11, "inference": 29}

# Those that break the rules, with the reason. (IgnoreMigration() in the migration would need the
# linter on machines that run the site.)
EXCUSED = {
    # Prices change their unit: a version that writes micro-dollars may not go on beside one that
    # reads nano-dollars, whatever the columns are called. Web and workers stop for these (ADR 40).
    "0024_price_in_nano_dollars",
    "0025_price_jobs_in_nano_dollars",
}


def is_known(app: str, name: str) -> bool:
    number = name.partition("_")[0]
    return number.isdigit() and int(number) <= KNOWN[app]


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django_migration_linter import MigrationLinter  # needs Django's apps

    on_disk = MigrationLoader(None).disk_migrations
    known = [
        name for app, name in on_disk if app in KNOWN and (is_known(app, name) or name in EXCUSED)
    ]
    linter = MigrationLinter(
        include_apps=list(KNOWN), ignore_name=known, quiet=["ok", "ignore"], no_cache=True
    )
    linter.lint_all_migrations()
    print(f"migrations: {linter.nb_total - linter.nb_ignored} looked at, {linter.nb_erroneous} bad")
    return int(bool(linter.has_errors))


if __name__ == "__main__":
    sys.exit(main())
