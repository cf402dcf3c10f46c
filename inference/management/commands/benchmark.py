"""Measure a model on this machine and write it to its card: the first step of taking it on."""

import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.infrastructure.outages import DATABASE_OUTAGES
from catalog.models import ModelCard
from catalog.pages.benchmarks import BenchmarkStory
from inference.runtime import errors, libraries, process_stats
from inference.runtime.cpu import threads
from inference.runtime.weights import random_weights
from inference.worker import benchmark, served_models
from inference.worker.benchmark import Machine

SAMPLES = settings.BASE_DIR / "static" / "samples"
BAR = 24


class Command(BaseCommand):
    help = "Measure load time, images/s, memory and cost; the model's page draws it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("repo", help="owner/name of a model card")
        parser.add_argument("--device", default=settings.WORKER_DEVICE)
        parser.add_argument("--usd-per-hour", type=float, help="what this machine costs")
        parser.add_argument("--hardware", default="", help="what people call this machine")
        parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
        parser.add_argument(
            "--random-weights",
            action="store_true",
            help="weights of chance: the same speed, without a download; the page says so",
        )
        parser.add_argument(
            "--price-by-it",
            action="store_true",
            help="let the price follow it although the weights are random",
        )

    def handle(
        self,
        *,
        repo: str,
        device: str,
        usd_per_hour: float | None,
        hardware: str,
        seconds: float,
        **options: object,
    ) -> None:
        if usd_per_hour is not None and usd_per_hour <= 0:
            raise CommandError("--usd-per-hour must be above zero.")
        card = _card(repo)
        is_random = bool(options["random_weights"])
        threads.wait_passively()
        threads.limit_threads(settings.WORKER_THREADS or None)
        try:
            libraries.require()
            with _weights(card, is_random=is_random) as model_dir:
                measured = benchmark.measure(
                    served_models.spec_of(card),
                    options=replace(served_models.loading_options(repo), device=device),
                    model_dir=model_dir,
                    photos=[path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))],
                    seconds=seconds,
                    note=self._note,
                )
        except errors.EncoderError as error:
            raise CommandError(str(error)) from error
        row = benchmark.record(
            card,
            measured,
            machine=Machine(hardware or process_stats.hardware(device), device, usd_per_hour),
            has_random_weights=is_random,
            prices_it=not is_random or bool(options["price_by_it"]),
        )
        self.stdout.write("\n".join(BenchmarkStory.of(row).lines()))

    def _note(self, done: int, of: int, what: str) -> None:
        """A bar that grows where it can be redrawn; elsewhere a line a step."""
        bar = "#" * (BAR * done // of)
        line = f"[{bar:<{BAR}}] {done}/{of} {what}"
        if self.stderr.isatty():
            self.stderr.write(f"\r{line:<79}", ending="\n" if done == of else "")
        else:
            self.stderr.write(f"{time.strftime('%H:%M:%S')} {line}")


def _card(repo: str) -> ModelCard:
    try:
        card = ModelCard.objects.filter(repo=repo).first()
    except DATABASE_OUTAGES as error:
        raise CommandError(
            "The database does not answer, and the model cards are in it: run `make run` in "
            "another terminal, or set DATABASE_URL."
        ) from error
    if card is None:
        raise CommandError(f"No model card is called {repo}.")
    return card


@contextmanager
def _weights(card: ModelCard, *, is_random: bool) -> Iterator[Path]:
    """The folder of the real weights, or one that goes afterwards."""
    if not is_random:
        yield settings.MODEL_DIR
        return
    with tempfile.TemporaryDirectory(prefix="gigarouter-weights-") as folder:
        random_weights.write(served_models.spec_of(card), Path(folder))
        yield Path(folder)
