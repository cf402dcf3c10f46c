"""How often somebody may do a thing: fixed windows counted in the cache."""

from catalog.limits.rates import (
    DAY_S,
    CannotCount,
    Limit,
    Refused,
    TooOften,
    count,
    network_of,
    spend,
    take,
    wait_before_next,
    wait_in_words,
    wide_network_of,
)

__all__ = [
    "DAY_S",
    "CannotCount",
    "Limit",
    "Refused",
    "TooOften",
    "count",
    "network_of",
    "spend",
    "take",
    "wait_before_next",
    "wait_in_words",
    "wide_network_of",
]
