"""Numbers as people write them: 6B, 2.5M, 100k, 1e6, 1,000,000."""

import re
from decimal import Decimal

# What a thousand, a million, a billion and a trillion are called; the hub says B as we do.
UNITS = {"T": 10**12, "B": 10**9, "M": 10**6, "K": 10**3}
LARGEST = Decimal(10**15)
# Commas only between groups of three: "2,5" may mean two and a half, so it means nothing here.
WRITTEN = re.compile(
    r"(?P<number>([0-9]{1,3}(,[0-9]{3})+|[0-9]{1,16})?(\.[0-9]{1,9})?(e\+?[0-9]{1,2})?)"
    r"\s*(?P<unit>[kmbt]?)",
    re.IGNORECASE,
)


def read(text: str) -> Decimal | None:
    """The number meant, exactly; None for what is no number from 0 to 10^15.

    >>> read("6B"), read("1,000,000"), read("2.5 M"), read("1e6"), read("2,5"), read("-1")
    (Decimal('6000000000'), Decimal('1000000'), Decimal('2500000.0'), Decimal('1E+6'), None, None)
    """
    written = WRITTEN.fullmatch(text.strip())
    if written is None or not re.match(r"\.?[0-9]", written["number"]):
        return None
    factor = UNITS.get(written["unit"].upper(), 1)
    number = Decimal(written["number"].replace(",", "")) * factor
    return number if number <= LARGEST else None


def write(number: Decimal | int) -> str:
    """The short form, which `read` turns into the same number again.

    >>> write(6_000_000_000), write(427_620_000), write(Decimal("0.050"))
    ('6B', '427.62M', '0.05')
    """
    unit, size = next(((u, s) for u, s in UNITS.items() if number >= s), ("", 1))
    return f"{plain(Decimal(number) / size)}{unit}"


def plain(number: Decimal | float) -> str:
    """Every digit that counts and none that does not: 162.03, 8, 1,234.5.

    >>> plain(162.03), plain(8.0), plain(Decimal("0.30")), plain(1234.5)
    ('162.03', '8', '0.3', '1,234.5')
    """
    digits = f"{Decimal(str(number)):,f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
