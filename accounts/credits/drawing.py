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


def draw(grants: Iterable[Grant], *, hold: Hold, amount_micro_usd: int, now: datetime) -> None:
    """Lower what the grants have left by the amount, in order; they have it, or ArithmeticError."""
    left = amount_micro_usd
    for grant in sorted(grants, key=lambda grant: _turn(grant, hold, now)):
        part = min(left, grant.remaining_micro_usd)
        grant.remaining_micro_usd -= part
        left -= part
    if left:
        raise ArithmeticError(f"{hold.reference}: the grants lack {left} µ$ of what was held")


def _turn(grant: Grant, hold: Hold, now: datetime) -> tuple[int, int, datetime, int]:
    end = grant.ended_at or NEVER
    if end > now:
        return 1, grant.priority, end, grant.pk
    if hold.created_at < end:
        # By end, not priority: what ended later may be all that a younger hold can use.
        return 0, 0, end, grant.pk
    return 2, 0, end, grant.pk  # ended before the hold, and left by the sweep for an older one


def unneeded(
    ended: Sequence[Grant], holds: Sequence[Hold], *, at_most: int
) -> Iterator[tuple[Grant, int]]:
    """Each ended grant with the µ$ to take back; `at_most` is what the wallet has not promised.

    A hold needs a grant only if it was made before the grant's end.
    """
    promised = 0
    for grant in sorted(ended, key=lambda grant: (grant.ended_at or NEVER, grant.pk)):
        end = grant.ended_at or NEVER
        wanted = sum(hold.amount_micro_usd for hold in holds if hold.created_at < end) - promised
        kept = min(grant.remaining_micro_usd, max(0, wanted))
        promised += kept
        back = min(grant.remaining_micro_usd - kept, at_most)
        at_most -= back
        yield grant, back
