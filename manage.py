#!/usr/bin/env python3
"""Run a Django command: `python manage.py help` lists them.

Beside `make run` it finds that site by itself; elsewhere it takes the settings that it is given.
"""

import os
import sys

from django.core.management import execute_from_command_line

from devserver import addresses, development_site


def main() -> None:
    addresses.read_env()
    try:
        site = development_site.join(os.environ)
    except development_site.Ambiguous as error:
        sys.exit(str(error))
    if site:
        print(f"manage.py: for the site of `make run` in {site.data_dir}", file=sys.stderr)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
