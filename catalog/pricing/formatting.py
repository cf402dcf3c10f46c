"""Prices written for people."""

from decimal import Decimal

from catalog.numbers.money import usd_of_nano
from catalog.pricing.formula import Price

LEAST_DECIMALS = 3
SIGNIFICANT_DIGITS = 3


def rounded_usd(usd: Decimal) -> str:
    """To a tenth of a cent, or to three digits where that would say little.

    >>> rounded_usd(Decimal("0.094")), rounded_usd(Decimal("0.005117")), rounded_usd(Decimal("1.2"))
    ('$0.094', '$0.00512', '$1.200')
    """
    decimals = max(LEAST_DECIMALS, SIGNIFICANT_DIGITS - 1 - usd.adjusted()) if usd else 0
    whole, _, digits = f"{usd:,.{decimals}f}".partition(".")
    return f"${whole}.{digits.rstrip('0').ljust(LEAST_DECIMALS, '0')}"


def exact_usd(usd: Decimal) -> str:
    """All digits that there are, and cents at least.

    >>> exact_usd(Decimal("0.005117")), exact_usd(Decimal("0.1")), exact_usd(Decimal(0))
    ('$0.005117', '$0.10', '$0.00')
    """
    whole, _, digits = f"{usd:f}".partition(".")
    return f"${int(whole):,}.{digits.rstrip('0').ljust(2, '0')}"


def per_1k(price: Price | None) -> str:
    """`$0.094`: US dollars for 1,000 images."""
    return "" if price is None else rounded_usd(price.usd_per_1k_images)


def per_1k_or_estimate(price: Price | None) -> str:
    """`~$0.094` while it is an estimate, `$0.094` once it is set."""
    if price is None:
        return ""
    return f"~{per_1k(price)}" if price.is_estimate else per_1k(price)


def per_1k_exactly(price: Price | None) -> str:
    """`$0.005117`: US dollars for 1,000 images, to the last digit."""
    return "" if price is None else exact_usd(price.usd_per_1k_images)


def per_image(price: Price | None) -> str:
    """`$0.000094`: US dollars for one image, exactly."""
    return "" if price is None else f"${usd_of_nano(price.nano_usd_per_image)}"


def texts_at(price: Price | None) -> str:
    """`$0.10 per million tokens`, or what else a text costs that a model has not read before."""
    if price is None or not price.is_whole:
        return ""
    if price.nano_usd_per_text:
        return f"${usd_of_nano(price.nano_usd_per_text)} per new text"
    if not price.nano_usd_per_token:
        return "free"
    return f"{exact_usd(price.usd_per_1m_tokens)} per million tokens"


def images_for_usd(price: Price | None, usd: int) -> str:
    if price is None or not price.nano_usd_per_image:
        return ""
    return f"{int(Decimal(usd) / price.usd_per_image):,}"
