"""`manage.py break_site`: what `make faults ARGS=--campaign` runs, engines up and empty."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from bench.abuse import site
from bench.abuse.stage import issue_key
from bench.faults import campaign, transitions
from bench.faults.breakages import Breakages, SecondWorker
from bench.faults.load import Client, Record, sell
from catalog.models import ModelCard
from devserver import addresses

# The stand-in: it computes in a millisecond, so that the machine's time goes to what is tested.
MODEL = "gigarouter/conse-demo"
PAYERS = 8
PAID_USD = "1000"


class Command(BaseCommand):
    help = "Pay for many jobs, kill workers, broker and database meanwhile, and audit the ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--jobs", type=int, default=10_000, help="how many are paid for")
        parser.add_argument("--clients", type=int, default=16, help="that send at once")
        parser.add_argument("--seed", type=int, default=1, help="of the order of the faults")

    def handle(self, *, jobs: int, clients: int, seed: int, **options: object) -> None:
        record = Record()
        with _breakable_site() as (port, breakages), transitions.noted():
            keys = [issue_key(f"payer-{number}@lab.example", PAID_USD) for number in range(PAYERS)]
            senders = [
                Client(
                    f"http://127.0.0.1:{port}",
                    keys[n % PAYERS],
                    MODEL,
                    record,
                    seed=seed * 1000 + n,
                )
                for n in range(clients)
            ]
            report = campaign.run(breakages, senders, jobs, record=record, seed=seed, say=self._say)
        answers = ", ".join(f"{count} x {what}" for what, count in report.statuses.most_common())
        self.stdout.write(f"clients were told: {answers}")
        self.stdout.writelines(f"BREACH {breach}\n" for breach in report.breaches)
        self.stdout.write(report.summary())
        if report.breaches or report.accepted != jobs:
            raise SystemExit(1)

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()


@contextmanager
def _breakable_site() -> Iterator[tuple[int, Breakages]]:
    data_dir: Path = settings.MEDIA_ROOT.parent
    data_dir.mkdir()
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(data_dir),
        "MODELS": MODEL,
        "DATABASE_URL": addresses.postgres_url(settings.DATA_DIR),
        "REDIS_URL": addresses.valkey_url(settings.DATA_DIR),
        "TEXT_CACHE_URL": addresses.text_cache_url(settings.DATA_DIR),
    }
    second = SecondWorker(variables, settings.DATA_DIR / "second-worker.log")
    with site.running(variables, settings.DATA_DIR / "site.log") as (port, _):
        second.start()
        try:
            engines = psutil.Process().parent()
            if engines is None:
                raise RuntimeError("python -m bench.faults --campaign starts this command")
            yield port, Breakages(_priced_card(), engines, settings.DATA_DIR, second)
        finally:
            second.stop()


def _priced_card() -> ModelCard:
    sell(MODEL)
    card = ModelCard.objects.get(repo=MODEL)
    connection.close()
    return card
