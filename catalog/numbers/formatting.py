"""How figures and prices are written, on pages and elsewhere."""

from decimal import Decimal

from catalog.pricing import Price

UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))


def compact(number: int | None) -> str:
    """12.4M, 373.8K, 950: one decimal, as the hubs write downloads.

    >>> compact(12_400_000), compact(373_800), compact(950), compact(None)
    ('12.4M', '373.8K', '950', '')
    """
    return "" if number is None else _shortened(number, decimals=1)


def parameters(number: int | None) -> str:
    """428M, 2.54B: three figures, as papers write model sizes.

    >>> parameters(427_620_000), parameters(2_539_570_000)
    ('428M', '2.54B')
    """
    if number is None:
        return ""
    return _shortened(number, decimals=2 if number >= 10**9 else 0)


def _shortened(number: int, *, decimals: int) -> str:
    for size, unit in UNITS:
        if number >= size:
            return f"{number / size:.{decimals}f}{unit}"
    return str(number)


def per_1k(price: Price | None) -> str:
    """`$0.094`: US dollars for 1,000 images, to a tenth of a cent."""
    return "" if price is None else f"${price.usd_per_1k_images:.3f}"


def with_sign(price: Price | None) -> str:
    """`~$0.094` while it is an estimate, `$0.094` once it is set."""
    if price is None:
        return ""
    return f"~{per_1k(price)}" if price.is_estimate else per_1k(price)


def per_image(price: Price | None) -> str:
    """`$0.000094`: US dollars for one image, to the micro-dollar."""
    return "" if price is None else f"${price.usd_per_image:.6f}"


def images_for_usd(price: Price | None, usd: int) -> str:
    """How many whole images an amount buys: `10,638`."""
    if price is None or not price.micro_usd_per_image:
        return ""
    return f"{int(Decimal(usd) / price.usd_per_image):,}"
