"""Bring the cards up to date with the Hugging Face hub."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from catalog.hub import sync
from catalog.hub.client import Hub
from catalog.models import ModelCard


class Command(BaseCommand):
    help = (
        "Read downloads, likes, license, dates and revision of every card, or of those named. "
        "A fact checked by hand is never overwritten: a difference waits for review in the admin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("repos", nargs="*", metavar="REPO", help="owner/name; none: all")
        parser.add_argument("--timeout", type=float, default=10, help="seconds, for each wait")
        parser.add_argument("--pause", type=float, default=sync.PAUSE_S, help="seconds, between")

    def handle(self, *, repos: list[str], timeout: float, pause: float, **options: object) -> None:
        hub = Hub.from_settings(timeout_s=timeout)
        cards = _cards(repos)
        outcomes: list[sync.Outcome] = []
        for outcome in sync.sync(cards, hub, pause_s=pause):
            outcomes.append(outcome)
            self.stdout.write(f"{len(outcomes)}/{len(cards)} {outcome.repo}: {outcome}")
        self.stdout.write(sync.summary(outcomes, total=len(cards)))
        # A command that read nothing fails, so that whatever runs it by the clock notices.
        if cards and not any(outcome.was_read for outcome in outcomes):
            raise CommandError(f"nothing could be read from {hub.address}; nothing was changed")


def _cards(repos: list[str]) -> list[ModelCard]:
    cards = list(ModelCard.objects.real().order_by("repo"))
    if not repos:
        return cards
    known = {card.repo: card for card in cards}
    if missing := [repo for repo in repos if repo not in known]:
        raise CommandError(f"no such model in the catalog: {', '.join(missing)}")
    return [known[repo] for repo in dict.fromkeys(repos)]
