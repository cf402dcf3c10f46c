"""The dashboard's pictures: plain geometry for server-side SVG, in the SVG's own units."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accounts.staff.dashboard.numbers import Earned, Wanted, Week
from accounts.templatetags.money import grouped
from catalog.numbers.money import format_usd

# Narrow, so that letters stay readable where a phone shows it as wide as the page.
WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 52, 4, 10, 24
GAP = 0.3  # of a week's room, left empty
WEEKS_A_LABEL = 3
# Half of each is whole, so that the line in the middle has a whole number, too.
STEPS = (2, 4, 6, 10)

# A model's name stands above its bar: beside it a phone would have no room for either.
ROW_HEIGHT, NAME_AT, BAR_AT, BAR_HEIGHT, FIGURE_WIDTH = 36, 11, 16, 12, 60

Write = Callable[[int], str]


@dataclass(frozen=True)
class Bar:
    """A rectangle; `words` says what it stands for."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Text:
    """Words on the picture."""

    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Series:
    """Bars of one kind; `number` is 1 for the filled ones, 2 for those in outline."""

    number: int
    name: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Picture:
    """What `admin/dashboard_picture.html` draws; `label` tells all of it in a sentence or two."""

    title: str
    label: str
    series: Sequence[Series]
    lines: Sequence[Text] = ()
    below: Sequence[Text] = ()
    names: Sequence[Text] = ()
    figures: Sequence[Text] = ()
    width: int = WIDTH
    height: int = HEIGHT


def by_week(weeks: Sequence[Week]) -> list[Picture]:
    """Four pictures of two kinds of bars each."""
    return [
        _weekly("accounts", weeks, {"signed up": "signed_up", "confirmed": "confirmed"}),
        _weekly("votes", weeks, {"counted": "votes", "set aside": "set_aside"}),
        _weekly("waitlist", weeks, {"asked": "asked", "confirmed": "joined"}),
        _weekly("credit", weeks, {"granted": "granted", "spent": "spent"}, write=format_usd),
    ]


def _weekly(
    title: str, weeks: Sequence[Week], kinds: dict[str, str], *, write: Write = grouped
) -> Picture:
    values = {name: [getattr(week, field) for week in weeks] for name, field in kinds.items()}
    top = nice_top(max(map(max, values.values())))
    room = (WIDTH - LEFT - RIGHT) / len(weeks)
    return Picture(
        title=title,
        label=_in_words(title, weeks, values, write),
        series=[
            _upright(place, name, weeks, values[name], room=room, top=top, write=write)
            for place, name in enumerate(kinds)
        ],
        lines=[Text(LEFT, _y(value, top), write(value)) for value in (0, top // 2, top)],
        below=[
            Text(round(LEFT + (n + 0.5) * room, 1), HEIGHT - 6, f"{week.monday:%-d %b}")
            for n, week in enumerate(weeks)
            if (len(weeks) - 1 - n) % WEEKS_A_LABEL == 0
        ],
    )


def _upright(
    place: int,
    name: str,
    weeks: Sequence[Week],
    values: Sequence[int],
    *,
    room: float,
    top: int,
    write: Write,
) -> Series:
    width = room * (1 - GAP) / 2
    bars = [
        Bar(
            x=round(LEFT + n * room + room * GAP / 2 + place * width, 1),
            y=_y(value, top),
            width=round(width - 1, 1),
            height=round(_y(0, top) - _y(value, top), 1),
            words=f"{name}, week of {week.monday:%-d %b %Y}: {write(value)}",
        )
        for n, (week, value) in enumerate(zip(weeks, values, strict=True))
        if value
    ]
    return Series(place + 1, name, bars)


def _y(value: int, top: int) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)


def _in_words(title: str, weeks: Sequence[Week], values: dict[str, list[int]], write: Write) -> str:
    sums = ", ".join(
        f"{name} {write(sum(each))} in all and {write(each[-1])} in the week that runs"
        for name, each in values.items()
    )
    return f"{title} in {len(weeks)} weeks since {weeks[0].monday:%-d %b %Y}: {sums}"


def nice_top(most: int) -> int:
    """The end of an axis that begins at 0: at least 2, not below the largest value.

    >>> [nice_top(most) for most in (0, 2, 3, 7, 11, 61)]
    [2, 2, 4, 10, 20, 100]
    """
    power = int(10 ** math.floor(math.log10(max(most, 1))))
    return next(step * power for step in STEPS if step * power >= most)


# --- by model -----------------------------------------------------------------------------------


def of_wanted(rows: Sequence[Wanted]) -> Picture:
    """Votes, and after them the waitlist, one line a model."""
    return _lying(
        "what people want, by the board's rank",
        [f"{row.rank}. {row.card.repo}" for row in rows],
        {"votes": [row.votes for row in rows], "waiting": [row.waiting for row in rows]},
        write=grouped,
    )


def of_earned(rows: Sequence[Earned]) -> Picture:
    """Credit spent, and after it what launches gave."""
    return _lying(
        "credit by model",
        [row.repo or "not named" for row in rows],
        {"spent": [row.spent for row in rows], "launch credit": [row.granted for row in rows]},
        write=format_usd,
    )


def _lying(
    title: str, names: Sequence[str], values: dict[str, list[int]], *, write: Write
) -> Picture:
    """Bars that lie one after the other; the figures stand to their right."""
    sums = [sum(each) for each in zip(*values.values(), strict=True)]
    unit = (WIDTH - FIGURE_WIDTH) / max([*sums, 1])
    ends = [0.0] * len(names)
    series = []
    for place, (kind, each) in enumerate(values.items()):
        series.append(Series(place + 1, kind, _lying_bars(kind, names, each, ends, unit, write)))
        ends = [end + value * unit for end, value in zip(ends, each, strict=True)]
    listed = "; ".join(
        f"{name}: {', '.join(f'{kind} {write(each[n])}' for kind, each in values.items())}"
        for n, name in enumerate(names)
    )
    return Picture(
        title=title,
        label=f"{title}: {listed}",
        series=series,
        names=[Text(0, n * ROW_HEIGHT + NAME_AT, _shortened(name)) for n, name in enumerate(names)],
        figures=[
            Text(round(end + 6, 1), n * ROW_HEIGHT + BAR_AT + BAR_HEIGHT - 2, write(total))
            for n, (end, total) in enumerate(zip(ends, sums, strict=True))
        ],
        height=len(names) * ROW_HEIGHT,
    )


def _lying_bars(
    kind: str,
    names: Sequence[str],
    values: Sequence[int],
    starts: Sequence[float],
    unit: float,
    write: Write,
) -> list[Bar]:
    return [
        Bar(
            x=round(start + 1, 1),
            y=n * ROW_HEIGHT + BAR_AT,
            width=round(max(value * unit - 1, 0.5), 1),
            height=BAR_HEIGHT,
            words=f"{name}: {kind} {write(value)}",
        )
        for n, (name, value, start) in enumerate(zip(names, values, starts, strict=True))
        if value
    ]


def _shortened(name: str) -> str:
    """What fits; the whole name stands in the table."""
    return name if len(name) <= 60 else f"{name[:59]}…"
