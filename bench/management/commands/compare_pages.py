"""`manage.py compare_pages`: what `make bench-pages` runs, engines up and the database empty."""

import asyncio
import os
import subprocess
import sys
from contextlib import ExitStack

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from bench.pages import cards, comparison, paint, report
from bench.pages.report import Report, Spread
from bench.servers import serving
from catalog.models import ModelCard
from devserver import addresses
from devserver.guard import Guard

SMALL, LARGE = 200, 10_000
LARGE_DATABASE = "bench_large"


class Command(BaseCommand):
    help = "Measure model pages beside a constant, and a large catalog beside a small one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--seconds", type=float, default=2.0, help="of load, a page and round")

    def handle(self, *, json: bool, rounds: int, seconds: float, **options: object) -> None:
        large = _prepare()
        figures = _measure(large, rounds=rounds, seconds=seconds)
        self.stdout.write(report.as_json(figures) if json else report.as_text(figures))


def _prepare() -> str:
    """Fill two databases, ours with the small catalog; returns the other's address."""
    call_command("migrate", verbosity=0)
    call_command("load_catalog", stdout=sys.stderr)
    call_command("collectstatic", interactive=False, verbosity=0)
    large = _copy_of_the_database()
    cards.fill(SMALL)
    fill = [sys.executable, "manage.py", "fill_catalog", str(LARGE)]
    subprocess.run(fill, check=True, stdout=sys.stderr, env=os.environ | {"DATABASE_URL": large})
    return large


def _copy_of_the_database() -> str:
    connection.close()
    # PostgreSQL copies no database that somebody uses.
    connection.close_pool()  # type: ignore[attr-defined]  # only its own backend has one
    ours = addresses.postgres_url(settings.DATA_DIR)
    name = f"/{addresses.DATABASE}?"
    with psycopg.connect(ours.replace(name, "/postgres?"), autocommit=True) as postgres:
        postgres.execute(f"CREATE DATABASE {LARGE_DATABASE} TEMPLATE {addresses.DATABASE}")
    return ours.replace(name, f"/{LARGE_DATABASE}?")


def _measure(large: str, *, rounds: int, seconds: float) -> Report:
    pages = [card.get_absolute_url() for card in ModelCard.objects.all()]
    figures = {"a model page made anew: queries": Spread.of([comparison.count_queries()])}
    uncached = {"BENCH_UNCACHED": "1"}
    with ExitStack() as stack:
        guard = Guard()
        stack.callback(guard.close)

        def serve(name: str, **environ: str) -> int:
            log = settings.DATA_DIR / f"{name}.log"
            return stack.enter_context(serving(environ, log, guard))

        cached, small = serve("cached"), serve("small", **uncached)
        ports = {"cached": cached, "uncached": small}
        figures |= asyncio.run(
            comparison.of_pages(**ports, pages=pages, rounds=rounds, seconds=seconds)
        )
        figures |= paint.of_pages(cached, rounds=rounds)
        ports = {"small": small, "large": serve("large", DATABASE_URL=large, **uncached)}
        figures |= asyncio.run(comparison.of_catalogs(**ports, rounds=rounds * 4))
    return figures
