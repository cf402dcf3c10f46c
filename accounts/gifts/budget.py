"""What may be given away at once in 24 hours: by network, by mail domain, and by all together."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.db.models.functions import Now

from accounts.gifts.domains import LARGE_PROVIDERS, is_disposable, owner_of
from accounts.models import Category, Gift, GiftState, WaitReason

WINDOW = timedelta(hours=24)


def reason_to_wait(gift: Gift, email: str) -> WaitReason | None:
    """The first bound that the gift would be beyond; None: it may be given now.

    Only true for whoever holds the lock of `giving`: of two gifts that fit singly, one may be too
    many.
    """
    if is_disposable(email.rpartition("@")[2].lower()):
        return WaitReason.THROWAWAY
    given = _given_at_once(gift.category)
    if given.filter(network_sha256=gift.network_sha256).count() >= settings.GIFTS_PER_DAY_NETWORK:
        return WaitReason.NETWORK
    if given.filter(domain_sha256=gift.domain_sha256).count() >= _most_of_domain(email):
        return WaitReason.DOMAIN
    spent = given.aggregate(sum=Sum("amount_micro_usd"))["sum"] or 0
    if spent + gift.amount_micro_usd > _budget(gift.category):
        return WaitReason.DAY
    return None


def _given_at_once(category: str) -> QuerySet[Gift]:
    # What the operator has let through does not count: they have looked.
    given = Gift.objects.filter(category=category, state=GiftState.GIVEN, wait_reason="")
    return given.filter(decided_at__gt=Now() - WINDOW)


def _most_of_domain(email: str) -> int:
    is_public = owner_of(email) in LARGE_PROVIDERS
    return int(settings.GIFTS_PER_DAY_PUBLIC_DOMAIN if is_public else settings.GIFTS_PER_DAY_DOMAIN)


def _budget(category: str) -> int:
    of_launch, of_welcome = (
        settings.LAUNCH_GIFTS_MICRO_USD_PER_DAY,
        settings.WELCOME_GIFTS_MICRO_USD_PER_DAY,
    )
    return int(of_launch if category == Category.LAUNCH else of_welcome)
