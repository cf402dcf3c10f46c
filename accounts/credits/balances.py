"""What a person has. Credit that has run out is not counted, taken back or not."""

from dataclasses import dataclass

from django.db.models import F, Sum
from django.db.models.functions import Now

from accounts.credits import allocation
from accounts.models import Grant, Hold, User, Wallet
from accounts.models.money import HAS_ENDED_GRANT
from catalog.infrastructure import prepared

AVAILABLE = f"""
SELECT balance_micro_usd - held_micro_usd, {HAS_ENDED_GRANT}
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
    return Wallet.objects.get_or_create(user=user)[0]


def balance_of(user: User) -> Balance:
    wallet = Wallet.objects.filter(user=user).first()
    if wallet is None:
        return Balance(available=0, held=0, settled=0, grants=())
    unspent = Grant.objects.unspent().filter(wallet=wallet)
    ended = list(unspent.ended(Now()))
    # Most people have nothing that has ended: one query less.
    holds = list(Hold.objects.open().filter(wallet=wallet)) if ended else []
    free = wallet.balance_micro_usd - wallet.held_micro_usd
    lost = sum(amount for _, amount in allocation.reclaimable(ended, holds, at_most=free))
    usable = unspent.exclude(pk__in=[grant.pk for grant in ended])
    return Balance(
        available=free - lost,
        held=wallet.held_micro_usd,
        settled=wallet.balance_micro_usd - lost,
        grants=tuple(usable.order_by("priority", F("expires_at").asc(nulls_last=True), "pk")),
    )


def added_to(user: User) -> int:
    """µ$ that were ever added: gifts and purchases, spent, ended or left."""
    grants = Grant.objects.filter(wallet__user=user)
    return int(grants.aggregate(total=Sum("amount_micro_usd", default=0))["total"])


def available_to(user: User) -> int:
    # µ$. One statement as long as nothing has run out: the API asks this with every answer.
    with prepared.cursor() as cursor:
        cursor.execute(AVAILABLE, [user.pk])
        available, has_ended_grant = cursor.fetchone() or (0, False)
    return balance_of(user).available if has_ended_grant else int(available)
