"""What a batch costs: half of what the same calls would cost one by one.

The half is exact. Only what is taken from a balance is a whole number of micro-dollars (µ$), and
that is rounded up once for a whole batch, not for each of its lines.
"""

import math
from decimal import Decimal

BATCH_DISCOUNT_PERCENT = 50
_SHARE = Decimal(100 - BATCH_DISCOUNT_PERCENT) / 100


def discounted(micro_usd: int) -> Decimal:
    """µ$ of a line whose call would cost `micro_usd`, exactly.

    >>> discounted(94), discounted(5)
    (Decimal('47.0'), Decimal('2.5'))
    """
    return micro_usd * _SHARE


def charged(micro_usd: int) -> int:
    """Whole µ$ of lines whose calls would cost `micro_usd` together.

    >>> charged(94), charged(5), charged(0)
    (47, 3, 0)
    """
    return math.ceil(discounted(micro_usd))
