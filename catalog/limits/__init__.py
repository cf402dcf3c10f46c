"""How often somebody may do a thing: fixed windows counted in the cache."""

from catalog.limits.rates import (
    DAY_S,
    CannotCount,
    Refused,
    TooOften,
    count,
    network_of,
    take,
)

__all__ = [
    "DAY_S",
    "CannotCount",
    "Refused",
    "TooOften",
    "count",
    "network_of",
    "take",
]
