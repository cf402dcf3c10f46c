"""What a picture costs, in whole micro-dollars (µ$; 1,000,000 µ$ = $1)."""

from catalog.pricing.formula import (
    ANCHOR_GFLOPS,
    ANCHOR_MICRO_USD_PER_IMAGE,
    BATCH_DISCOUNT_PERCENT,
    MARGIN,
    SECONDS_PER_HOUR,
    UTILISATION,
    Basis,
    Known,
    Price,
    label_micro_usd,
    price_of,
)

__all__ = [
    "ANCHOR_GFLOPS",
    "ANCHOR_MICRO_USD_PER_IMAGE",
    "BATCH_DISCOUNT_PERCENT",
    "MARGIN",
    "SECONDS_PER_HOUR",
    "UTILISATION",
    "Basis",
    "Known",
    "Price",
    "label_micro_usd",
    "price_of",
]
