"""What a person has. Credit that has run out is not counted, taken back or not."""

from dataclasses import dataclass

from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, Subquery, When
from django.db.models.functions import Now

from accounts import drawing
from accounts.models import Grant, Hold, User, Wallet


@dataclass(frozen=True)
class Balance:
    """What a person has, in µ$: `available` is `settled` less `held`.

    `grants` are those that still have something, in the order in which they are spent.
    """

    available: int
    held: int
    settled: int
    grants: tuple[Grant, ...]


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


def free_of(owner: OuterRef) -> Subquery:
    """µ$ available, for a query of something else; NULL: something has run out, or no wallet."""
    ended = Grant.objects.left().over(Now()).filter(wallet=OuterRef("pk"))
    free = Case(
        When(~Exists(ended), F("balance_micro_usd") - F("held_micro_usd")),
        output_field=BigIntegerField(),
    )
    return Subquery(Wallet.objects.filter(user=owner).values(free_micro_usd=free))


def available_to(user: User) -> int:
    """µ$. One query as long as nothing has run out: this is asked with every answer."""
    free: int | None = (
        User.objects.filter(pk=user.pk)
        .values_list(free_of(OuterRef("pk")), flat=True)
        .first()
    )  # fmt: skip
    return balance_of(user).available if free is None else free
