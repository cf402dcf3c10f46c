"""The dashboard's pictures: plain geometry for server-side SVG, in the SVG's own units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accounts.staff.dashboard.numbers import Earned, Wanted, Week
from accounts.templatetags.money import grouped
from catalog import svg
from catalog.numbers.money import format_usd
from catalog.svg import Frame, Scale

# Narrow, so that letters stay readable where a phone shows it as wide as the page.
FRAME = Frame(width=360, height=170, left=52, right=4, top=10, bottom=24)
GAP = 0.3  # of a week's room, left empty
WEEKS_A_LABEL = 3

# A model's name stands above its bar: beside it a phone would have no room for either.
ROW_HEIGHT, NAME_AT, BAR_AT, BAR_HEIGHT, FIGURE_WIDTH = 36, 11, 16, 12, 60
FIGURE_AT = BAR_AT + BAR_HEIGHT - 2
LONGEST_BAR = FRAME.width - FIGURE_WIDTH

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
    width: int = FRAME.width
    height: int = FRAME.height


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
    top = svg.nice_top(max(map(max, values.values())))
    up, middles = FRAME.up(0, top), FRAME.across(-0.5, len(weeks) - 0.5)
    return Picture(
        title=title,
        label=_in_words(title, weeks, values, write),
        series=[
            _upright(place, name, weeks, values[name], up=up, write=write)
            for place, name in enumerate(kinds)
        ],
        lines=[Text(FRAME.left, up.at(value), write(value)) for value in (0, top // 2, top)],
        below=[
            Text(middles.at(n), FRAME.height - 6, f"{week.monday:%-d %b}")
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
    up: Scale,
    write: Write,
) -> Series:
    room = (FRAME.width - FRAME.left - FRAME.right) / len(weeks)
    width = room * (1 - GAP) / 2
    bars = [
        Bar(
            x=round(FRAME.left + n * room + room * GAP / 2 + place * width, 1),
            y=up.at(value),
            width=round(width - 1, 1),
            height=round(FRAME.floor - up.at(value), 1),
            words=f"{name}, week of {week.monday:%-d %b %Y}: {write(value)}",
        )
        for n, (week, value) in enumerate(zip(weeks, values, strict=True))
        if value
    ]
    return Series(place + 1, name, bars)


def _in_words(title: str, weeks: Sequence[Week], values: dict[str, list[int]], write: Write) -> str:
    sums = ", ".join(
        f"{name} {write(sum(each))} in all and {write(each[-1])} in the week that runs"
        for name, each in values.items()
    )
    return f"{title} in {len(weeks)} weeks since {weeks[0].monday:%-d %b %Y}: {sums}"


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
    across = Scale(0, max([*sums, 1]), 0, LONGEST_BAR)
    ends = [0] * len(names)
    series = []
    for place, (kind, each) in enumerate(values.items()):
        series.append(Series(place + 1, kind, _lying_bars(kind, names, each, ends, across, write)))
        ends = [end + value for end, value in zip(ends, each, strict=True)]
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
            Text(
                round(across.at(total) + 6, 1),
                n * ROW_HEIGHT + BAR_AT + BAR_HEIGHT - 2,
                write(total),
            )
            for n, total in enumerate(sums)
        ],
        height=len(names) * ROW_HEIGHT,
    )


def _lying_bars(
    kind: str,
    names: Sequence[str],
    values: Sequence[int],
    starts: Sequence[int],
    across: Scale,
    write: Write,
) -> list[Bar]:
    return [
        Bar(
            x=round(across.at(start) + 1, 1),
            y=n * ROW_HEIGHT + BAR_AT,
            width=round(max(across.at(value) - 1, 0.5), 1),
            height=BAR_HEIGHT,
            words=f"{name}: {kind} {write(value)}",
        )
        for n, (name, value, start) in enumerate(zip(names, values, starts, strict=True))
        if value
    ]


def _shortened(name: str) -> str:
    """What fits; the whole name stands in the table."""
    return name if len(name) <= 60 else f"{name[:59]}…"
