"""Money: whole micro-dollars (µ$) in code and tables, US dollars where people or programs read it.

It stands here, below accounts, because the catalog's prices and the settings need it, too.
"""

from decimal import Decimal, InvalidOperation

MICRO_USD_PER_USD = Decimal(1_000_000)


def parse_usd(amount: str | Decimal) -> int:
    """US dollars as µ$; what is finer than 1 µ$ is cut off. Raises ValueError.

    >>> parse_usd("0.50"), parse_usd("0.0000019"), parse_usd("-1")
    (500000, 1, -1000000)
    """
    try:
        return int(Decimal(amount) * MICRO_USD_PER_USD)
    except (InvalidOperation, OverflowError) as error:  # "much"; "Infinity"
        raise ValueError(f"{amount} is no amount of US dollars") from error


def usd(micro_usd: int | Decimal) -> str:
    """The exact amount for programs, as the API and CSV files have it: never a float.

    >>> usd(94), usd(0), usd(1_500_000)
    ('0.000094', '0', '1.5')
    """
    # "f", because str(Decimal) would write ten dollars as 1E+1.
    return format(Decimal(micro_usd).scaleb(-6).normalize(), "f")


def format_usd(micro_usd: int) -> str:
    """The exact amount for people, with cents at least.

    >>> format_usd(1_000_000), format_usd(94), format_usd(-1_500_000), format_usd(0)
    ('$1.00', '$0.000094', '−$1.50', '$0.00')
    """
    dollars, rest = divmod(abs(micro_usd), 1_000_000)
    cents = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'−' if micro_usd < 0 else ''}${dollars:,}.{cents}"
