"""How sums of money are written on pages."""

from django import template

from catalog.numbers.money import format_usd

register = template.Library()
register.filter(format_usd)


@register.filter
def format_usd_change(micro_usd: int) -> str:
    """With its sign, and nothing for no change: `+$1.00`, `−$0.000094`."""
    if micro_usd == 0:
        return ""
    return f"+{format_usd(micro_usd)}" if micro_usd > 0 else format_usd(micro_usd)


@register.filter
def format_usd_cents(micro_usd: int) -> str:
    """Where there is no room for the exact sum: cut to whole cents, `$0.99` for 0.999906."""
    return format_usd(max(micro_usd, 0) // 10_000 * 10_000)


@register.filter
def grouped(number: int) -> str:
    return f"{number:,}"
