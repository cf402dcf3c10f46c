"""Download the weights of a model."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.infrastructure.outages import DATABASE_OUTAGES
from catalog.models import ModelCard
from inference.runtime import errors
from inference.runtime.weights import store
from inference.worker import served_models


class Command(BaseCommand):
    help = "Download a model's weights at its pinned revision; run it again to resume."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("repo", help="owner/name of a model card")

    def handle(self, *, repo: str, **options: object) -> None:
        try:
            card = ModelCard.objects.filter(repo=repo).first()
        except DATABASE_OUTAGES as error:
            raise CommandError(
                "The database does not answer, and the model cards are in it: run `make run` in "
                "another terminal, or set DATABASE_URL."
            ) from error
        if card is None:
            known = ", ".join(ModelCard.objects.real().values_list("repo", flat=True))
            raise CommandError(f"No model card is called {repo}. Known: {known}.")
        try:
            folder = store.fetch(served_models.spec_of(card), settings.MODEL_DIR)
        except errors.EncoderError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{repo} is in {folder}. Restart the worker to serve it.")
