"""Twelve weeks as upright bars, two series side by side."""

from collections.abc import Mapping, Sequence

from accounts.staff.dashboard.bar_chart import FRAME, Bar, BarChart, Format, Series, Text
from accounts.staff.dashboard.weekly_metrics import Week
from accounts.templatetags.money import grouped
from catalog import svg
from catalog.numbers.money import format_usd
from catalog.svg import Scale

GAP = 0.3  # of a week's room, left empty
# More would run into each other.
WEEKS_PER_LABEL = 3
LABEL_AT = FRAME.height - 6


def weekly_charts(weeks: Sequence[Week]) -> list[BarChart]:
    return [
        _chart("accounts", weeks, {"signed up": "signed_up", "confirmed": "confirmed"}),
        _chart("votes", weeks, {"counted": "votes", "set aside": "votes_set_aside"}),
        _chart("waitlist", weeks, {"asked": "waitlist_asked", "confirmed": "waitlist_confirmed"}),
        _chart("credit", weeks, {"granted": "granted", "spent": "spent"}, fmt=format_usd),
    ]


def _chart(
    title: str, weeks: Sequence[Week], fields: Mapping[str, str], *, fmt: Format = grouped
) -> BarChart:
    """`fields`: by the name of a series, the field of `Week` that it shows."""
    values = {name: [getattr(week, field) for week in weeks] for name, field in fields.items()}
    top = svg.nice_top(max(map(max, values.values())))
    up = FRAME.up(0, top)
    return BarChart(
        title=title,
        label=_in_words(title, weeks, values, fmt),
        series=[
            Series(index + 1, name, _columns(index, name, weeks, values[name], up=up, fmt=fmt))
            for index, name in enumerate(fields)
        ],
        lines=[Text(FRAME.left, up.at(value), fmt(value)) for value in (0, top // 2, top)],
        below=_dates(weeks),
    )


def _columns(
    series: int, name: str, weeks: Sequence[Week], values: Sequence[int], *, up: Scale, fmt: Format
) -> list[Bar]:
    room = (FRAME.width - FRAME.left - FRAME.right) / len(weeks)
    width = room * (1 - GAP) / 2
    return [
        Bar(
            x=round(FRAME.left + n * room + room * GAP / 2 + series * width, 1),
            y=up.at(value),
            width=round(width - 1, 1),
            height=round(FRAME.floor - up.at(value), 1),
            words=f"{name}, week of {week.monday:%-d %b %Y}: {fmt(value)}",
        )
        for n, (week, value) in enumerate(zip(weeks, values, strict=True))
        if value
    ]


def _dates(weeks: Sequence[Week]) -> list[Text]:
    middles = FRAME.across(-0.5, len(weeks) - 0.5)
    return [
        Text(middles.at(n), LABEL_AT, f"{week.monday:%-d %b}")
        for n, week in enumerate(weeks)
        # Counted from the right: the week that runs always has its date.
        if (len(weeks) - 1 - n) % WEEKS_PER_LABEL == 0
    ]


def _in_words(
    title: str, weeks: Sequence[Week], values: Mapping[str, Sequence[int]], fmt: Format
) -> str:
    sums = ", ".join(
        f"{name} {fmt(sum(counts))} in all and {fmt(counts[-1])} in the week that runs"
        for name, counts in values.items()
    )
    return f"{title} in {len(weeks)} weeks since {weeks[0].monday:%-d %b %Y}: {sums}"
