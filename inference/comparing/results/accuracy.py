"""How often a column is right, how sure that is, and what a difference between two columns says.

Few photos say little, and these figures say how little:

    wilson_interval(7, 8)   -> (0.529, 0.978): from 7 of 8, the share it may be right on at large
    exact_mcnemar(1, 0)     -> 1.0: of 8 and 7 right of the same 8, nothing follows
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

Z_95 = NormalDist().inv_cdf(0.975)
SIGNIFICANT = 0.05


def wilson_interval(right: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """The 95 % score interval of a share, within [0, 1]; (0, 1) of nothing.

    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), pages 209-212. Recommended for small n by Brown, Cai
    and DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001).
    """
    if of == 0:
        return 0.0, 1.0
    share, spread = right / of, z * z / of
    center = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    # Exactly the ends where all or nothing is right, whatever the last digits say.
    low = 0.0 if right == 0 else max(0.0, center - half)
    high = 1.0 if right == of else min(1.0, center + half)
    return low, high


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p of as many photos on which one of two columns alone is right.

    McNemar, "Note on the sampling error of the difference between correlated proportions",
    Psychometrika 12 (1947), with binomial probabilities in place of his approximation: if both were
    equally good, each such photo would fall to either like a fair coin (a sign test).
    """
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return float(min(1.0, 2 * tail / 2**n))


def holm(ps: Sequence[float]) -> list[float]:
    """The p of several tests, each raised so that all of them together err one time in twenty.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979), pages 65-70.
    """
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True)
class Accuracy:
    right: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.right, self.of)

    @property
    def interval_percent(self) -> tuple[float, float]:
        low, high = self.interval
        return 100 * low, 100 * high

    @property
    def interval_width(self) -> float:
        low, high = self.interval_percent
        return high - low

    @property
    def percent(self) -> float:
        return 100 * self.right / self.of if self.of else 0.0

    @property
    def interval_words(self) -> str:
        low, high = self.interval_percent
        return f"{low:.0f}–{high:.0f} %"


@dataclass(frozen=True)
class Confusion:
    """How often photos of one label (or of none of them) were taken for another."""

    truth: str
    answer: str
    count: int

    @property
    def is_right(self) -> bool:
        return self.truth == self.answer


def confusions(pairs: Sequence[tuple[str, str]]) -> list[Confusion]:
    """Of (truth, answer) pairs, the most frequent first."""
    counts = Counter(pairs)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(truth, answer, count) for (truth, answer), count in ordered]


@dataclass(frozen=True)
class Pair:
    """Two columns on the photos that both have answered and whose truth is known.

    `first` is the one that was right more often. `p` is adjusted for the number of pairs.
    """

    first: str
    second: str
    first_right: int
    second_right: int
    of: int
    only_first: int
    only_second: int
    p: float

    @property
    def differing(self) -> int:
        return self.only_first + self.only_second

    @property
    def is_telling(self) -> bool:
        return self.p < SIGNIFICANT

    @property
    def score_words(self) -> str:
        return f"{self.first_right} against {self.second_right} of {self.of}"

    @property
    def verdict(self) -> str:
        if not self.differing:
            return "They were right and wrong on the same photos, so nothing tells them apart yet."
        counts = (
            f"The first alone was right on {self.only_first}, the second alone on"
            f" {self.only_second}."
        )
        if self.is_telling:
            return f"{counts} That is more than chance explains."
        return f"{counts} That says nothing yet: chance explains it."


def compare(names: Sequence[str], rights: Sequence[Sequence[bool | None]]) -> list[Pair]:
    """Each two columns. `rights` are theirs by photo, in one order; None: no answer or no truth."""
    columns = list(zip(names, rights, strict=True))
    pairs = [_pair(a, b) for a, b in combinations(columns, 2)]
    told = [pair for pair in pairs if pair.of]
    ps = holm([exact_mcnemar(pair.only_first, pair.only_second) for pair in told])
    return [replace(pair, p=p) for pair, p in zip(told, ps, strict=True)]


def _pair(a: tuple[str, Sequence[bool | None]], b: tuple[str, Sequence[bool | None]]) -> Pair:
    both = [(x, y) for x, y in zip(a[1], b[1], strict=True) if x is not None and y is not None]
    right_a, right_b = sum(x for x, _ in both), sum(y for _, y in both)
    if right_b > right_a:
        return _pair(b, a)
    return Pair(
        first=a[0],
        second=b[0],
        first_right=right_a,
        second_right=right_b,
        of=len(both),
        only_first=sum(x and not y for x, y in both),
        only_second=sum(y and not x for x, y in both),
        p=1.0,
    )
