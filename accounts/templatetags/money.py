"""How sums of money are written on pages."""

from django import template

register = template.Library()


@register.filter
def usd(micro_usd: int | None) -> str:
    """US dollars, to the cent, and as much further as there is something.

    >>> usd(1_000_000), usd(94), usd(-1_500_000), usd(0)
    ('$1.00', '$0.000094', '−$1.50', '$0.00')
    """
    if micro_usd is None:
        return ""
    dollars, rest = divmod(abs(micro_usd), 1_000_000)
    cents = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'−' if micro_usd < 0 else ''}${dollars:,}.{cents}"


@register.filter
def change_usd(micro_usd: int) -> str:
    """With its sign, and nothing for no change: `+$1.00`, `−$0.000094`."""
    if micro_usd == 0:
        return ""
    return f"+{usd(micro_usd)}" if micro_usd > 0 else usd(micro_usd)


@register.filter
def grouped(number: int) -> str:
    """`10,638`"""
    return f"{number:,}"
