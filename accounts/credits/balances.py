"""What a person has. Credit that has run out is not counted, taken back or not."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from accounts.credits import drawing
from accounts.models import Grant, Hold, User, Wallet
from accounts.models.money import SOMETHING_HAS_ENDED

FREE = f"""
SELECT balance_micro_usd - held_micro_usd, {SOMETHING_HAS_ENDED}
FROM accounts_wallet AS wallet WHERE user_id = %s
"""  # noqa: S608  a rule of ours, no value


@dataclass(frozen=True)
class Balance:
    """What a person has, in µ$: `available` is `settled` less `held`.

    `grants` are those that still have something, in the order in which they are spent.
    """

    available: int
    held: int
    settled: int
    grants: tuple[Grant, ...]


def wallet_of(user: User) -> Wallet:
    """The person's wallet, made when first needed."""
    return Wallet.objects.get_or_create(user=user)[0]


def balance_of(user: User) -> Balance:
    """What the person has now."""
    wallet = Wallet.objects.filter(user=user).first()
    if wallet is None:
        return Balance(available=0, held=0, settled=0, grants=())
    left = Grant.objects.left().filter(wallet=wallet)
    ended = list(left.over(Now()))
    holds = list(Hold.objects.open().filter(wallet=wallet)) if ended else []
    free = wallet.balance_micro_usd - wallet.held_micro_usd
    gone = sum(back for _, back in drawing.unneeded(ended, holds, at_most=free))
    good = left.exclude(pk__in=[grant.pk for grant in ended])
    return Balance(
        available=free - gone,
        held=wallet.held_micro_usd,
        settled=wallet.balance_micro_usd - gone,
        grants=tuple(good.order_by("priority", F("expires_at").asc(nulls_last=True), "pk")),
    )


def available_to(user: User) -> int:
    """µ$. One statement as long as nothing has run out: the API asks it with every answer."""
    with connection.cursor() as cursor:
        cursor.execute(FREE, [user.pk])
        free, something_has_ended = cursor.fetchone() or (0, False)
    return balance_of(user).available if something_has_ended else int(free)
