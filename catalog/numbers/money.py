"""Money: whole micro-dollars (µ$) in code and tables, US dollars where people or programs read it.

Only unit prices are finer, in whole nano-dollars (n$): a sum of them is rounded up once.

It stands here, below accounts, because the catalog's prices and the settings need it, too.
"""

from decimal import Decimal, InvalidOperation

MICRO_USD_PER_USD = Decimal(1_000_000)
NANO_USD_PER_USD = Decimal(1_000_000_000)
NANO_USD_PER_MICRO_USD = 1_000


def parse_usd(amount: str | Decimal) -> int:
    """US dollars as µ$; what is finer than 1 µ$ is cut off. Raises ValueError.

    >>> parse_usd("0.50"), parse_usd("0.0000019"), parse_usd("-1")
    (500000, 1, -1000000)
    """
    try:
        return int(Decimal(amount) * MICRO_USD_PER_USD)
    except (InvalidOperation, OverflowError) as error:  # "much"; "Infinity"
        raise ValueError(f"{amount} is no amount of US dollars") from error


def parse_nano_usd(amount: str | Decimal) -> int:
    """US dollars as n$; what is finer than 1 n$ is cut off. Raises ValueError."""
    try:
        return int(Decimal(amount) * NANO_USD_PER_USD)
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"{amount} is no amount of US dollars") from error


def round_up_to_micro_usd(nano_usd: int) -> int:
    """The sum of a request in n$ as the µ$ that are charged: exact until it is rounded, once.

    >>> round_up_to_micro_usd(5_117), round_up_to_micro_usd(94_000), round_up_to_micro_usd(0)
    (6, 94, 0)
    """
    # Floor division rounds down, so of the negative sum it rounds up.
    return -(-nano_usd // NANO_USD_PER_MICRO_USD)


def usd_of_nano(nano_usd: int) -> str:
    """The exact price of a unit for programs.

    >>> usd_of_nano(94_000), usd_of_nano(5_117), usd_of_nano(0)
    ('0.000094', '0.000005117', '0')
    """
    return format(Decimal(nano_usd).scaleb(-9).normalize(), "f")


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
