"""Models as rows of bars, the series one after the other, the sum to their right."""

from collections.abc import Mapping, Sequence

from accounts.staff.dashboard.bar_chart import FRAME, Bar, BarChart, Format, Series, Text
from accounts.staff.dashboard.model_metrics import ModelCredit, ModelDemand
from accounts.templatetags.money import grouped
from catalog.numbers.money import format_usd
from catalog.svg import Scale

# A model's name stands above its bar: beside it a phone would have no room for either.
ROW_HEIGHT, NAME_AT, BAR_AT, BAR_HEIGHT, SUM_WIDTH = 36, 11, 16, 12, 60
SUM_AT = BAR_AT + BAR_HEIGHT - 2
LONGEST_BAR = FRAME.width - SUM_WIDTH
LONGEST_NAME = 60


def demand_chart(rows: Sequence[ModelDemand]) -> BarChart:
    return _chart(
        "what people want, by the board's rank",
        [f"{row.rank}. {row.card.repo}" for row in rows],
        {"votes": [row.votes for row in rows], "waiting": [row.waiting for row in rows]},
        fmt=grouped,
    )


def credit_chart(rows: Sequence[ModelCredit]) -> BarChart:
    return _chart(
        "credit by model",
        [row.repo or "not named" for row in rows],
        {"spent": [row.spent for row in rows], "launch credit": [row.granted for row in rows]},
        fmt=format_usd,
    )


def _chart(
    title: str, names: Sequence[str], values: Mapping[str, Sequence[int]], *, fmt: Format
) -> BarChart:
    sums = [sum(row) for row in zip(*values.values(), strict=True)]
    across = Scale(0, max([*sums, 1]), 0, LONGEST_BAR)
    return BarChart(
        title=title,
        label=f"{title}: {_in_words(names, values, fmt)}",
        series=_stacked(names, values, across, fmt),
        names=[Text(0, n * ROW_HEIGHT + NAME_AT, _shortened(name)) for n, name in enumerate(names)],
        figures=[
            Text(round(across.at(total) + 6, 1), n * ROW_HEIGHT + SUM_AT, fmt(total))
            for n, total in enumerate(sums)
        ],
        height=len(names) * ROW_HEIGHT,
    )


def _stacked(
    names: Sequence[str], values: Mapping[str, Sequence[int]], across: Scale, fmt: Format
) -> list[Series]:
    """Each series begins where the one before it ends."""
    ends = [0] * len(names)
    stacked = []
    for index, (kind, counts) in enumerate(values.items()):
        labels = [f"{name}: {kind} {fmt(count)}" for name, count in zip(names, counts, strict=True)]
        stacked.append(Series(index + 1, kind, _bars(labels, ends, counts, across)))
        ends = [end + count for end, count in zip(ends, counts, strict=True)]
    return stacked


def _bars(
    labels: Sequence[str], starts: Sequence[int], counts: Sequence[int], across: Scale
) -> list[Bar]:
    return [
        Bar(
            x=round(across.at(start) + 1, 1),
            y=n * ROW_HEIGHT + BAR_AT,
            # Half a unit at least: one vote beside a thousand can still be pointed at.
            width=round(max(across.at(count) - 1, 0.5), 1),
            height=BAR_HEIGHT,
            words=label,
        )
        for n, (label, start, count) in enumerate(zip(labels, starts, counts, strict=True))
        if count
    ]


def _in_words(names: Sequence[str], values: Mapping[str, Sequence[int]], fmt: Format) -> str:
    return "; ".join(
        f"{name}: {', '.join(f'{kind} {fmt(counts[n])}' for kind, counts in values.items())}"
        for n, name in enumerate(names)
    )


def _shortened(name: str) -> str:
    # The whole name stands in the table.
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
