"""Money as the API writes it: strings of US dollars, exact, never floats."""

from decimal import Decimal


def usd(micro_usd: int) -> str:
    """Micro-dollars as dollars.

    >>> usd(94), usd(0), usd(1_500_000)
    ('0.000094', '0', '1.5')
    """
    return format(Decimal(micro_usd).scaleb(-6).normalize(), "f")
