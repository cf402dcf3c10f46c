"""Which grants pay, and what of an ended grant is still promised. Arithmetic only, no queries.

Three rules:
1. A capture draws on grants by priority, then the soonest end, then age.
2. Credit that ran out while it was held still pays for that hold, and goes first: the work was
   begun while the credit was good.
3. What no such hold needs of an ended grant is taken back.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from accounts.models import Grant, Hold

NEVER = datetime.max.replace(tzinfo=UTC)


def draw_down(grants: Iterable[Grant], *, hold: Hold, amount_micro_usd: int, now: datetime) -> None:
    """Lower what the grants have left by the amount. ArithmeticError if they have less."""
    missing = amount_micro_usd
    for grant in sorted(grants, key=lambda grant: _spending_order(grant, hold, now)):
        part = min(missing, grant.remaining_micro_usd)
        grant.remaining_micro_usd -= part
        missing -= part
    if missing:
        raise ArithmeticError(f"{hold.reference}: the grants lack {missing} µ$ of what was held")


def _spending_order(grant: Grant, hold: Hold, now: datetime) -> tuple[int, int, datetime, int]:
    end = grant.ended_at or NEVER
    if end > now:
        return 1, grant.priority, end, grant.pk
    if hold.created_at < end:
        # By end, not priority: what ended later may be all that a younger hold can use.
        return 0, 0, end, grant.pk
    # Ended before the hold was made: the sweep left it for an older hold, which may need all of it.
    return 2, 0, end, grant.pk


def reclaimable(
    ended: Sequence[Grant], holds: Sequence[Hold], *, at_most: int
) -> Iterator[tuple[Grant, int]]:
    """Each ended grant with the µ$ to take back; `at_most` is what the wallet has not promised."""
    promised = 0
    # By end: the holds that may use a grant also may use each one that ended later, so what the
    # earlier ones keep for them need not be kept twice.
    for grant in sorted(ended, key=lambda grant: (grant.ended_at or NEVER, grant.pk)):
        end = grant.ended_at or NEVER
        # Only holds made before the grant's end may use it.
        usable = sum(hold.amount_micro_usd for hold in holds if hold.created_at < end)
        reserved = min(grant.remaining_micro_usd, max(0, usable - promised))
        promised += reserved
        amount = min(grant.remaining_micro_usd - reserved, at_most)
        at_most -= amount
        yield grant, amount
