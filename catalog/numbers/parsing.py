"""Numbers as people write them: 6B, 2.5M, 100k, 1e6, 1,000,000."""

import re
from decimal import Decimal

# A thousand, a million, a billion, a trillion; Hugging Face says B as we do.
UNITS = {"T": 10**12, "B": 10**9, "M": 10**6, "K": 10**3}
LARGEST = Decimal(10**15)
# Commas only between groups of three: "2,5" may mean two and a half, so it means nothing here.
WRITTEN = re.compile(
    r"(?P<number>([0-9]{1,3}(,[0-9]{3})+|[0-9]{1,16})?(\.[0-9]{1,9})?(e\+?[0-9]{1,2})?)"
    r"\s*(?P<unit>[kmbt]?)",
    re.IGNORECASE,
)


def parse(text: str) -> Decimal | None:
    """The number meant, exactly; None for what is no number from 0 to 10^15.

    >>> parse("6B"), parse("1,000,000"), parse("2.5 M"), parse("1e6"), parse("2,5"), parse("-1")
    (Decimal('6000000000'), Decimal('1000000'), Decimal('2500000.0'), Decimal('1E+6'), None, None)
    """
    match = WRITTEN.fullmatch(text.strip())
    if match is None or not re.match(r"\.?[0-9]", match["number"]):
        return None
    factor = UNITS.get(match["unit"].upper(), 1)
    number = Decimal(match["number"].replace(",", "")) * factor
    return number if number <= LARGEST else None
