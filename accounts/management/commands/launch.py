"""Launch a model from the shell."""

import logging
from argparse import ArgumentParser
from decimal import Decimal
from typing import TypedDict

from django.core.management.base import BaseCommand, CommandError

from accounts import operators
from accounts.staff import launches
from accounts.staff.launches.forms import LaunchForm
from catalog.models import ModelCard

log = logging.getLogger(__name__)


class Terms(TypedDict):
    nano_usd_per_image: int
    nano_usd_per_token: int | None
    reason: str
    without_worker: bool


class Command(BaseCommand):
    help = "Bring a model live: freeze its price, tell voters and waitlist, grant launch credit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("repo", help="owner/name")
        parser.add_argument(
            "--price", type=Decimal, help="US dollars for 1,000 images; default: as estimated"
        )
        parser.add_argument(
            "--token-price",
            type=Decimal,
            help="US dollars for a million tokens of new texts; default: in proportion to compute",
        )
        parser.add_argument("--reason", default="launched", help="for the model's public timeline")
        parser.add_argument(
            "--without-worker", action="store_true", help="even if no worker serves the model"
        )

        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )

    def handle(
        self,
        *,
        repo: str,
        price: Decimal | None,
        token_price: Decimal | None,
        reason: str,
        without_worker: bool,
        dry_run: bool,
        **options: object,
    ) -> None:
        card = ModelCard.objects.real().filter(repo=repo).first()
        if card is None:
            raise CommandError(f"no model {repo} in the catalog")
        form = LaunchForm(
            {
                "usd_per_1k_images": _price(card, price),
                "usd_per_1m_tokens": token_price,
                "reason": reason,
            }
        )
        if not form.is_valid():
            raise CommandError(f"--price: {form.errors.as_text()}")
        terms: Terms = {
            "nano_usd_per_image": form.nano_usd_per_image,
            "nano_usd_per_token": form.nano_usd_per_token,
            "reason": reason,
            "without_worker": without_worker,
        }
        try:
            if dry_run:
                self.stdout.write(_sentence(repo, launches.rehearse(card, **terms)))
                return
            launch, is_new = launches.launch(card, **terms)
        except launches.LaunchRefused as refused:
            raise CommandError(str(refused)) from refused
        log.warning("Launched at the command line by %s. model=%s", operators.current(), repo)
        if not is_new and launch.announced_at:
            self.stdout.write(f"{repo} was launched before, and everybody has been told")
            return
        # Here, not by a worker: whoever runs this again finishes what was cut short.
        notified = launches.notify(launch)
        self.stdout.write(
            f"{repo} is live: {notified.mailed} told, {notified.credited} given credit"
        )


def _sentence(repo: str, plan: launches.Plan) -> str:
    prices = f"{plan.nano_usd_per_image} n$ per image, {plan.nano_usd_per_token} n$ per text token"
    return (
        f"{repo} would go from {plan.stage_before} to {plan.stage_after} at {prices}: "
        f"{plan.mails} told, {plan.credited} given credit; nothing has changed"
    )


def _price(card: ModelCard, price: Decimal | None) -> Decimal | None:
    if price is not None:
        return price
    return card.price.usd_per_1k_images if card.price else None
