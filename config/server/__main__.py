"""Serves the site: `python -m config.server --host 0.0.0.0 --port 8000`, or `--unix PATH`."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

# What is refused is written by templates and by the API, which need Django set up.
from config.server.run import serve  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m config.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    parser.add_argument("--unix", metavar="PATH", help="a socket's path, in place of a port")
    options = parser.parse_args(arguments)
    return serve(host=options.host, port=options.port, unix_path=options.unix)


if __name__ == "__main__":
    sys.exit(main())
