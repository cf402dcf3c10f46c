"""What images and texts cost: unit prices in nano-dollars, sums in micro-dollars."""

from catalog.pricing.formula import (
    ANCHOR_GFLOPS,
    ANCHOR_NANO_USD_PER_IMAGE,
    MARGIN,
    SECONDS_PER_HOUR,
    USUAL_CONTEXT_LENGTH,
    UTILISATION,
    Basis,
    Known,
    Price,
    price_of,
    token_nano_usd,
)

__all__ = [
    "ANCHOR_GFLOPS",
    "ANCHOR_NANO_USD_PER_IMAGE",
    "MARGIN",
    "SECONDS_PER_HOUR",
    "USUAL_CONTEXT_LENGTH",
    "UTILISATION",
    "Basis",
    "Known",
    "Price",
    "price_of",
    "token_nano_usd",
]
