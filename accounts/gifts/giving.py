"""The verbs of gifts. Every one may be repeated, and gives once.

AlreadyDecided    somebody else has given or refused it, or its person has left
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from accounts import credits
from accounts.gifts import budget
from accounts.gifts.domains import owner_of
from accounts.models import Category, Gift, GiftState, Grant, User
from catalog import email_addresses
from catalog.infrastructure import locks
from catalog.limits import wide_network_of
from catalog.models import Launch

log = logging.getLogger(__name__)

LAUNCH_CREDIT_VALID_FOR = timedelta(days=180)


class AlreadyDecided(Exception):
    """It is decided, or there is nobody to give it to any more."""


@dataclass(frozen=True)
class _Offer:
    category: Category
    amount_micro_usd: int
    valid_for: timedelta
    reference: str
    model: str = ""
    note: str = ""


def welcome(user: User, *, address: str) -> Gift | None:
    """The free credit of a person whose address is confirmed, once per person and mailbox.

    `address`: the network address that they come from. None: there is none to give, or they, or
    this mailbox, have had it.
    """
    # By mailbox, whatever the spelling of its address, and a hash: it outlives the account, so that
    # deleting and signing up again gives no second welcome.
    reference = f"welcome:{email_addresses.fingerprint(user.email)}"
    if not settings.FREE_CREDIT_MICRO_USD or _was_welcomed(user, reference):
        return None
    days = timedelta(days=settings.WELCOME_CREDIT_DAYS)
    offer = _Offer(Category.WELCOME, settings.FREE_CREDIT_MICRO_USD, days, reference)
    gift = _offer(user, offer, _hash("network", wide_network_of(address)))
    return gift if gift.wallet.user_id == user.pk else None


def of_launch(user: User, launch: Launch) -> Gift:
    """What somebody gets who had voted for a model; `launch.credit_micro_usd` is not 0."""
    offer = _Offer(
        Category.LAUNCH,
        launch.credit_micro_usd,
        LAUNCH_CREDIT_VALID_FOR,
        # A repeated reference gives nothing more.
        f"launch:{launch.card_id}:{user.pk}",
        model=launch.card.repo,
        note=f"launch of {launch.card.repo}",
    )
    return _offer(user, offer, _network_of_first_gift(user))


def give(gift: Gift, *, by: User) -> None:
    """By the operator's click, beyond any budget. Raises AlreadyDecided."""
    with transaction.atomic():
        user = _decide(gift, GiftState.GIVEN, by)
        _grant(gift, user)
        _mail(gift, user)


def refuse(gift: Gift, *, by: User) -> None:
    """Raises AlreadyDecided."""
    with transaction.atomic():
        _decide(gift, GiftState.REFUSED, by)


def waiting_of(user: User) -> QuerySet[Gift]:
    """Gifts that the person should know of: those not given, waiting or refused."""
    return Gift.objects.filter(wallet__user=user).exclude(state=GiftState.GIVEN).order_by("pk")


def _was_welcomed(user: User, reference: str) -> bool:
    """Whether they, or the mailbox by another account, have been offered it."""
    gifts = Gift.objects.filter(
        Q(reference=reference) | Q(wallet__user=user, category=Category.WELCOME)
    )
    grants = Grant.objects.filter(
        Q(reference=reference) | Q(wallet__user=user, category=Category.WELCOME)
    )
    return gifts.exists() or grants.exists()


def _offer(user: User, offer: _Offer, network_sha256: str) -> Gift:
    """Give it at once if it fits the budget; else it waits. The first of a reference counts."""
    wallet = credits.wallet_of(user)
    with transaction.atomic():
        # One at a time: each is counted before the next is looked at. Before any wallet is locked.
        locks.lock("accounts.gifts")
        existing = Gift.objects.filter(reference=offer.reference).first()
        if existing is not None:
            return existing
        gift = Gift(
            wallet=wallet,
            **vars(offer),
            network_sha256=network_sha256,
            domain_sha256=_hash("domain", owner_of(user.email)),
        )
        reason = budget.reason_to_wait(gift, user.email)
        gift.wait_reason = reason or ""
        if reason is None:
            gift.state, gift.decided_at = GiftState.GIVEN, Now()
            _grant(gift, user)
        gift.save(force_insert=True)
    if reason:
        log.warning("gift waits category=%s wallet=%s reason=%s", gift.category, wallet.pk, reason)
    return gift


def _grant(gift: Gift, user: User) -> None:
    credits.grant(
        user,
        amount_micro_usd=gift.amount_micro_usd,
        category=Category(gift.category),
        reference=gift.reference,
        expires_at=Now() + gift.valid_for,
        model=gift.model,
        note=gift.note,
    )


def _decide(gift: Gift, state: GiftState, by: User) -> User:
    # Of the row itself and of no join: that would be a subquery, which an UPDATE that had to wait
    # does not ask again, and two clicks at once would both decide.
    waiting = Gift.objects.filter(pk=gift.pk, state=GiftState.WAITING)
    is_decided = waiting.update(state=state, decided_at=Now(), decided_by=by)
    decided = Gift.objects.select_related("wallet__user").get(pk=gift.pk)
    user = decided.wallet.user
    if not is_decided or user is None:
        raise AlreadyDecided(f"{gift.reference} is decided, or its person has left")
    gift.state = decided.state
    log.info("gift decided id=%s state=%s by=%s", gift.pk, state, by.pk)
    return user


def _mail(gift: Gift, user: User) -> None:
    context = {"gift": gift, "credit_link": f"{settings.SITE_URL}/account/credit/"}
    EmailMessage(
        subject="Your credit is here",
        body=render_to_string("accounts/mail/gift.txt", context),
        to=[user.email],
        headers={"X-Idempotency-Key": f"gift:{gift.pk}"},
    ).send()


def _network_of_first_gift(user: User) -> str:
    # A launch reaches people who are not there: where they came from is known from their welcome.
    first = Gift.objects.filter(wallet__user=user).order_by("pk").values_list("network_sha256")
    return str(first[0][0]) if first else _hash("network", "")


def _hash(kind: str, text: str) -> str:
    return salted_hmac(f"accounts.gifts.{kind}", text, algorithm="sha256").hexdigest()
