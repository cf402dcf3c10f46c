"""Become a Celery worker for some models."""

import os
import sys
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference.runtime import libraries
from inference.runtime.cpu import threads
from inference.runtime.errors import LibrariesMissing
from inference.worker import process, served_models


class Command(BaseCommand):
    help = "Serve models: --models repo,repo or auto (those whose weights are on this machine)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--models", default=settings.WORKER_MODELS)

    def handle(self, *, models: str, **options: object) -> None:
        """Replace this process by Celery: one solo worker, since CUDA cannot be forked."""
        try:
            libraries.require()
            cards = served_models.cards_to_serve(models)
        except (LibrariesMissing, served_models.NotServed) as error:
            raise CommandError(str(error)) from error
        if not cards:
            raise CommandError("no model to serve: see `manage.py fetch_model --help`")
        os.environ["SERVE_REPOS"] = ",".join(card.repo for card in cards)
        # This command has run Django's checks. Celery's would load every page and the API: 24 MB.
        os.environ["CELERY_SKIP_CHECKS"] = "1"
        threads.wait_passively()
        # glibc keeps what each thread has freed for that thread: a batch of pictures for each.
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
        queues = ",".join(card.queue for card in cards)
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "solo"]
        command += ["--concurrency", "1"]  # solo ignores it, but prefetching counts it
        command += ["--queues", queues, "--hostname", f"{process.name()}@%h"]
        command += ["--without-gossip", "--without-mingle"]
        os.execv(command[0], command)  # noqa: S606  a fixed argument list, no shell
