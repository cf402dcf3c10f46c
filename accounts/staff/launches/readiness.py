"""What stands between a model and its launch, and what a launch would change, without doing it."""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.staff.launches import launching, notifications
from catalog import stages
from catalog.models import MOVES, Launch, ModelCard, Stage
from catalog.numbers.money import format_usd
from catalog.pricing import Basis, Price
from catalog.pricing.formatting import per_1k_exactly, texts_at
from catalog.standing import serving


class State(StrEnum):
    DONE = "ready"
    DOUBT = "look again"  # a launch is possible all the same
    BLOCKED = "blocked"  # no launch before this is settled


@dataclass(frozen=True)
class Check:
    """One line of the list; `detail` says what is known, and what to do about it."""

    name: str
    state: State
    detail: str


@dataclass(frozen=True)
class Plan:
    """Exactly what the launch of a moment ago would have changed, had it not been taken back.

    `credited`: voters who get `credit_micro_usd` each, within the day's budget of gifts; `mails`:
    addresses that get one mail.
    """

    stage_before: Stage
    stage_after: Stage
    nano_usd_per_image: int
    nano_usd_per_token: int
    reason: str
    is_served: bool
    credited: int
    credit_micro_usd: int
    mails: int

    @property
    def price(self) -> Price:
        return Price(self.nano_usd_per_image, self.nano_usd_per_token, Basis.LAUNCH, {})

    @property
    def total_credit_micro_usd(self) -> int:
        return self.credited * self.credit_micro_usd


def checks(card: ModelCard) -> list[Check]:
    """The list that the operator goes through, in the order in which it is settled."""
    return [_stage(card), _worker(card), _benchmark(card), _price(card), _text_price(card)]


def is_possible(card: ModelCard) -> bool:
    """Whether a launch is worth offering at all: whatever the form says, else it is refused."""
    return _stage(card).state is not State.BLOCKED


def rehearse(
    card: ModelCard,
    *,
    nano_usd_per_image: int,
    nano_usd_per_token: int | None,
    reason: str,
    by: User | None = None,
    without_worker: bool = False,
) -> Plan:
    """Launch the model and take it back, in one transaction. Raises LaunchRefused as a launch does.

    So it refuses what a launch refuses, and counts by what a launch counts by. Nothing is sent: the
    message to the worker goes only with the commit, and no mail is written.
    """
    before = card.status
    try:
        with transaction.atomic():
            new = launching.launch_now(
                card,
                (nano_usd_per_image, nano_usd_per_token),
                reason,
                by,
                without_worker=without_worker,
            )
            plan = _plan(card, new, before, reason)
            transaction.set_rollback(True)
    except stages.MoveRefused as refused:
        raise launching.explain(card, refused) from None
    finally:
        card.refresh_from_db()
    return plan


def _plan(card: ModelCard, new: Launch, before: Stage, reason: str) -> Plan:
    token = card.launch_price_nano_usd_per_token
    return Plan(
        stage_before=before,
        stage_after=card.status,
        nano_usd_per_image=new.nano_usd_per_image,
        nano_usd_per_token=token if token is not None else 0,
        reason=reason,
        is_served=serving.is_served(card),
        credited=notifications.count_voters(new),
        credit_micro_usd=new.credit_micro_usd,
        mails=notifications.count_mails(new),
    )


def _stage(card: ModelCard) -> Check:
    earlier = Launch.objects.filter(card=card).first()
    if earlier is not None:
        day = f"{earlier.launched_at:%d %b %Y}"
        return Check("stage", State.BLOCKED, f"Launched on {day}. People are told once.")
    if card.status is Stage.LIVE:
        return Check("stage", State.BLOCKED, "Live already, without a launch.")
    if Stage.LIVE not in MOVES[card.stage] or card.status is Stage.DEPRECATED:
        steps = " or ".join(str(to.label) for to in MOVES[card.stage])
        detail = f"In {card.status.label}; a launch starts from onboarding or preview."
        return Check("stage", State.BLOCKED, f"{detail} Next: {steps}.")
    return Check("stage", State.DONE, f"In {card.status.label}, from where it can go live.")


def _worker(card: ModelCard) -> Check:
    if serving.is_served(card):
        return Check("worker", State.DONE, "A worker serves it now.")
    return Check("worker", State.DOUBT, "No worker serves it now, so nobody could use it.")


def _benchmark(card: ModelCard) -> Check:
    last = card.benchmarks.order_by("-measured_at").first()
    if last is None:
        return Check("benchmark", State.DOUBT, "Never measured, so the price rests on compute.")
    detail = f"Measured on {last.measured_at:%d %b %Y}, {last.hardware}."
    if last.has_random_weights:
        return Check("benchmark", State.DOUBT, f"{detail} With random weights.")
    return Check("benchmark", State.DONE, detail)


def _price(card: ModelCard) -> Check:
    if card.price is None:
        return Check("price of images", State.DOUBT, "Nothing to estimate it from: set it below.")
    usd = per_1k_exactly(card.price)
    kind = "Estimated" if card.price.is_estimate else "Set"
    return Check("price of images", State.DONE, f"{kind}: {usd} per 1,000 images.")


def _text_price(card: ModelCard) -> Check:
    if not (card.image_gflops and card.text_gflops):
        detail = "The text tower's compute is unknown: set it below."
        return Check("price of texts", State.DOUBT, detail)
    if card.price is None:
        return Check("price of texts", State.DONE, "Follows from the price of images.")
    detail = f"Follows from the images': {texts_at(card.price)}."
    return Check("price of texts", State.DONE, detail)


def mail_checks(card: ModelCard) -> list[Check]:
    """Whom a launch would reach; the exact number of mails is for `rehearse`."""
    audience = launching.audience_of(card)
    credit = settings.LAUNCH_CREDIT_MICRO_USD
    voters = f"{audience.voters} voted"
    if credit:
        voters += f", and get {format_usd(credit)} of credit each"
    return [
        Check("voters", State.DONE, f"{voters}."),
        Check("waitlist", State.DONE, f"{audience.waiting} on it. One e-mail per address."),
    ]
