"""The rows that a model page shows: the card, and what stands beside it in other tables."""

from datetime import date

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch

from catalog.demand import board, votes
from catalog.models import Benchmark, Evaluation, ModelCard, Provenance
from catalog.standing import ranks

READINGS_SHOWN = 120
BENCHMARKS_SHOWN = 3
ANONYMOUS = AnonymousUser()


# One query for each table. One for all of them, with the rows gathered as JSON, was tried: it took
# 17 ms instead of 12.5, and a module to make model instances of the JSON.
def find_card(
    repo: str, *, seen_by: AbstractBaseUser | AnonymousUser = ANONYMOUS
) -> ModelCard | None:
    """The card of exactly this repo id, or None.

    It bears `votes_counted`, `waiting_counted`, what its ranks are made of, and whether `seen_by`
    has voted for it. Its `provenance`, `evaluations`, `faq`, `stage_changes` and `price_changes`
    are fetched already.
    """
    sourced = Provenance.objects.select_related("source").order_by("pk")
    measured = Evaluation.objects.select_related("source")
    return (
        ModelCard.objects.filter(repo=repo)
        .select_related("successor")
        .annotate(
            votes_counted=votes.count_expression(),
            waiting_counted=board.waiting_expression(),
            has_my_vote=votes.has_vote_of(seen_by),
            rank_counts=ranks.count_expression(),
        )
        .prefetch_related(
            Prefetch("provenance", sourced),
            Prefetch("evaluations", measured),
            "faq",
            "stage_changes",
            "price_changes",
        )
        .first()
    )


def latest_benchmarks(card: ModelCard) -> list[Benchmark]:
    return list(card.benchmarks.order_by("-measured_at", "-pk")[:BENCHMARKS_SHOWN])


def daily_downloads(card: ModelCard) -> list[tuple[date, int]]:
    """A month's downloads as Hugging Face stated them on each of the last days, oldest first."""
    readings = card.hub_readings.order_by("-read_on")
    rows = readings.values_list("read_on", "downloads_per_month")[:READINGS_SHOWN]
    return [(day, downloads) for day, downloads in reversed(rows) if downloads is not None]
