"""What a run of measurements found, for people and for machines."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(statistics.median(figures), min(figures), max(figures))

    @classmethod
    def of_ratios(cls, upper: Sequence[float], lower: Sequence[float]) -> "Spread":
        # Round by round: what slows the machine slows both.
        return cls.of([u / v for u, v in zip(upper, lower, strict=True)])


# What was measured, with its unit, and the figure. Ratios begin with "RATIO".
Report = dict[str, Spread]


def as_json(report: Mapping[str, Spread]) -> str:
    return json.dumps({name: asdict(figure) for name, figure in report.items()}, indent=1)


def as_text(report: Mapping[str, Spread]) -> str:
    # A line each, the ratios last, because they are what counts.
    ordered = sorted(report.items(), key=lambda item: item[0].startswith("RATIO"))
    return "\n".join(f"{_figures(figure):>36}   {name}" for name, figure in ordered)


def _figures(spread: Spread) -> str:
    return f"{spread.median:.2f}   ({spread.least:.2f} to {spread.most:.2f})"
