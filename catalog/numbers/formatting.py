"""Numbers written for people, short or to the last digit."""

from decimal import ROUND_HALF_UP, Decimal

from catalog.numbers.parsing import UNITS

SECOND_MS, MINUTE_MS = 1000, 60_000


def short_exact(number: Decimal | int) -> str:
    """A short form that `parsing.parse` turns into the same number again.

    >>> short_exact(6_000_000_000), short_exact(427_620_000), short_exact(Decimal("0.050"))
    ('6B', '427.62M', '0.05')
    """
    unit, size = next(((u, s) for u, s in UNITS.items() if number >= s), ("", 1))
    return f"{exact(Decimal(number) / size)}{unit}"


def exact(number: Decimal | float) -> str:
    """Every digit that counts and none that does not: 162.03, 8, 1,234.5.

    >>> exact(162.03), exact(8.0), exact(Decimal("0.30")), exact(1234.5)
    ('162.03', '8', '0.3', '1,234.5')
    """
    # By way of text: Decimal(162.03) would have all fifty digits of the float.
    digits = f"{Decimal(str(number)):,f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def compact(number: int | None) -> str:
    """One decimal, as Hugging Face writes downloads.

    >>> compact(12_400_000), compact(373_800), compact(950), compact(None)
    ('12.4M', '373.8K', '950', '')
    """
    return "" if number is None else _rounded(number, decimals=1)


def quantity(number: int | None) -> str:
    """How much data a model was trained on, as papers write it.

    >>> quantity(400_000_000), quantity(2_320_000_000), quantity(12_800_000_000), quantity(None)
    ('400M', '2.3B', '12.8B', '')
    """
    return compact(number).replace(".0", "")


def parameters(number: int | None) -> str:
    """Three figures, as papers write model sizes.

    >>> parameters(427_620_000), parameters(2_539_570_000)
    ('428M', '2.54B')
    """
    if number is None:
        return ""
    return _rounded(number, decimals=2 if number >= UNITS["B"] else 0)


def duration(ms: float) -> str:
    """Two digits that count below 10 ms, then whole ms, then seconds.

    >>> duration(0.04), duration(4.21), duration(87.3), duration(4230), duration(65_000)
    ('0.04 ms', '4.2 ms', '87 ms', '4.2 s', '1 min 5 s')
    """
    if ms >= MINUTE_MS:
        return f"{ms // MINUTE_MS:.0f} min {ms % MINUTE_MS / SECOND_MS:.0f} s"
    if ms >= SECOND_MS:
        return f"{ms / SECOND_MS:.1f} s"
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def percent(share: float | None) -> str:
    """A share of 1, cut and not rounded: what is not whole is never called 100 %.

    >>> percent(1), percent(0.99999), percent(0.5)
    ('100 %', '99.99 %', '50.00 %')
    """
    if share is None:
        return ""
    return "100 %" if share >= 1 else f"{int(share * 10_000) / 100:.2f} %"


def millions(number: int | None) -> str:
    """Whole millions, so that a column of model sizes aligns.

    >>> millions(427_620_000), millions(2_539_570_000), millions(None)
    ('428', '2,540', '')
    """
    return "" if number is None else f"{number / UNITS['M']:,.0f}"


def accuracy(number: Decimal | float) -> str:
    """One decimal, halves away from zero, as Django's `floatformat` has it in tables.

    >>> accuracy(Decimal("63.45")), accuracy(75.5), accuracy(80)
    ('63.5 %', '75.5 %', '80.0 %')
    """
    return f"{Decimal(str(number)).quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


def _rounded(number: int, *, decimals: int) -> str:
    for unit in ("B", "M", "K"):
        if number >= UNITS[unit]:
            return f"{number / UNITS[unit]:.{decimals}f}{unit}"
    return str(number)
