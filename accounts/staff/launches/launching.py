"""Launching a model: one transaction for its stage, its frozen price, and a row that says so.

Credit and mail follow, by a worker: see `notifications`.

LaunchRefused    the model's stage, its price, or the lack of a worker does not allow it
"""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts.models import User
from catalog import price_history, pricing, stages
from catalog.demand import waitlist
from catalog.infrastructure import broker
from catalog.models import Launch, ModelCard, Stage, Vote

log = logging.getLogger(__name__)

# By name: tasks import this module, not the reverse.
NOTIFY_TASK = "accounts.tasks.tell_of_launch"


class LaunchRefused(Exception):
    """The model was not launched; the message says why."""


@dataclass(frozen=True)
class Audience:
    """Whom a launch would reach: people who voted, and addresses that wait."""

    voters: int
    waiting: int


def launch(
    card: ModelCard,
    *,
    nano_usd_per_image: int,
    nano_usd_per_token: int | None = None,
    reason: str = "launched",
    by: User | None = None,
    without_worker: bool = False,
) -> tuple[Launch, bool]:
    """Bring a model live at a price; (the launch, whether it is new). Raises LaunchRefused.

    None for a label: as its text tower's compute stands to the image tower's today.
    `without_worker`: launch it although no living worker serves it.
    """
    try:
        with transaction.atomic():
            prices = nano_usd_per_image, nano_usd_per_token
            new = launch_now(card, prices, reason, by, without_worker=without_worker)
    except stages.MoveRefused as refused:
        earlier = Launch.objects.filter(card=card).first()
        if earlier is None or isinstance(refused, stages.NoWorker):
            raise explain(card, refused) from None
        return earlier, False
    log.info("model launched model=%s nano_usd=%d", card.repo, nano_usd_per_image)
    return new, True


def explain(card: ModelCard, refused: stages.MoveRefused) -> LaunchRefused:
    """The refusal of the stage as one of the launch, with what to do about it."""
    if isinstance(refused, stages.NoWorker):
        return LaunchRefused(
            f"No worker serves {card.repo}, so nobody could use it. Start one, or launch it"
            " without a worker (the box, or --without-worker): its page, the API and the mail then"
            " say that none is up."
        )
    return LaunchRefused(f"{refused}: a launch starts from onboarding or preview")


def launch_now(
    card: ModelCard,
    prices: tuple[int, int | None],
    reason: str,
    by: User | None,
    *,
    without_worker: bool,
) -> Launch:
    """The launch's own changes, within the caller's transaction. `prices`: n$ of image and token.

    Raises LaunchRefused, MoveRefused of catalog.stages.
    """
    if prices[0] < 1:
        raise LaunchRefused("A price is at least one nano-dollar per image.")
    before = card.stage
    # The stage first: of two who launch at once one finds that it has moved.
    stages.move(card, Stage.LIVE, reason=reason, by=by, without_worker=without_worker)
    if Launch.objects.filter(card=card).exists():
        # The refusal rolls the row back; the caller's object, which they show, needs the same.
        card.stage = before
        raise LaunchRefused(
            f"{card.repo} was launched before, and people are told once: "
            "move it to live by its stage"
        )
    try:
        _freeze_prices(card, *prices)
    except LaunchRefused:
        card.stage = before
        raise
    new = Launch.objects.create(
        card=card,
        nano_usd_per_image=prices[0],
        credit_micro_usd=settings.LAUNCH_CREDIT_MICRO_USD,
        by=by,
    )
    broker.send_on_commit(NOTIFY_TASK, new.pk)
    return new


def _freeze_prices(card: ModelCard, image: int, token: int | None) -> None:
    """Set all that is charged, in n$; no fact that is corrected later changes it."""
    if token is None:
        token = pricing.token_nano_usd(
            image,
            image_gflops=card.image_gflops,
            text_gflops=card.text_gflops,
            context_length=card.context_length,
        )
    if token is None:
        raise LaunchRefused(
            "Set the price of texts, too: the compute of this model's text tower is not known,"
            " so none follows from it. 0 makes texts free."
        )
    card.launch_price_nano_usd_per_image = image
    card.launch_price_nano_usd_per_token = token
    card.save(
        update_fields=[
            "launch_price_nano_usd_per_image",
            "launch_price_nano_usd_per_token",
            "changed_at",
        ]
    )
    price_history.record(card)


def resume() -> int:
    """Enqueue launches that have not notified everybody yet; how many there are."""
    unfinished = list(Launch.objects.filter(announced_at__isnull=True))
    for launch in unfinished:
        broker.send(NOTIFY_TASK, launch.pk)
    return len(unfinished)


def audience_of(card: ModelCard) -> Audience:
    voters = Vote.objects.counted().filter(card=card, user__is_active=True).count()
    return Audience(voters=voters, waiting=waitlist.size_of(card))
