"""Prices written for people."""

from decimal import Decimal

from catalog.numbers.money import format_usd
from catalog.pricing.formula import Price


def per_1k(price: Price | None) -> str:
    """`$0.094`: US dollars for 1,000 images, to a tenth of a cent."""
    return "" if price is None else f"${price.usd_per_1k_images:.3f}"


def per_1k_or_estimate(price: Price | None) -> str:
    """`~$0.094` while it is an estimate, `$0.094` once it is set."""
    if price is None:
        return ""
    return f"~{per_1k(price)}" if price.is_estimate else per_1k(price)


def per_image(price: Price | None) -> str:
    """`$0.000094`: US dollars for one image, to the micro-dollar."""
    return "" if price is None else f"${price.usd_per_image:.6f}"


def per_text(price: Price | None) -> str:
    """`$0.000008`: US dollars for one text that a model has not read before."""
    return "" if price is None else format_usd(price.micro_usd_per_label)


def images_for_usd(price: Price | None, usd: int) -> str:
    if price is None or not price.micro_usd_per_image:
        return ""
    return f"{int(Decimal(usd) / price.usd_per_image):,}"
