"""Periods as bars of a picture: lower where trouble was, so that it is seen without colour."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.status.history import DOWN_FROM, Condition, Period, Record

BAR, GAP, HEIGHT = 7, 2, 28
# Shares of the height. The first look that fails takes a step: one of 1,440 would not be seen.
TROUBLED, DOWN, UNKNOWN = 0.8, 0.3, 0.1


@dataclass(frozen=True)
class Bar:
    x: int
    y: float
    height: float
    condition: Condition
    words: str


@dataclass(frozen=True)
class Picture:
    """`words` say what a look at the picture says; an SVG of `width` by `height` holds the bars."""

    bars: Sequence[Bar]
    words: str
    height: int = HEIGHT
    bar: int = BAR

    @property
    def width(self) -> int:
        return len(self.bars) * (BAR + GAP) - GAP


def of_hours(record: Record) -> Picture:
    return _picture(record.hours, "%-d %b %H:00", "hour", "last 24 hours")


def of_days(record: Record) -> Picture:
    return _picture(record.days, "%-d %b", "day", "last 30 days")


def _picture(periods: Sequence[Period], dated: str, unit: str, span: str) -> Picture:
    bars = []
    for number, period in enumerate(periods):
        height = HEIGHT * _height(period)
        words = f"{period.start.strftime(dated)}: {_words(period)}"
        x, y = number * (BAR + GAP), round(HEIGHT - height, 1)
        bars.append(Bar(x, y, round(height, 1), period.condition, words))
    return Picture(bars, f"{span}: {_summary(periods, unit)}")


def _height(period: Period) -> float:
    match period.condition:
        case Condition.UP:
            return 1.0
        case Condition.PARTLY:
            return TROUBLED - (TROUBLED - DOWN) * period.failed_share / DOWN_FROM
        case Condition.DOWN:
            return DOWN
        case Condition.UNKNOWN:
            return UNKNOWN


def _words(period: Period) -> str:
    match period.condition:
        case Condition.UNKNOWN:
            return "no checks"
        case Condition.UP:
            return "all checks passed"
        case _:
            return f"{period.failed_checks} of {period.checks} checks failed"


def _summary(periods: Sequence[Period], unit: str) -> str:
    seen = [period for period in periods if period.checks]
    troubled = [period for period in seen if period.failed_checks]
    unseen = len(periods) - len(seen)
    words = f"failed checks in {len(troubled)} of {len(seen)} {unit}{'' if len(seen) == 1 else 's'}"
    return f"{words}, {unseen} without checks" if unseen else words
