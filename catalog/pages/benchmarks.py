"""A model's measured speed, told and drawn so that a reader can judge it.

    stories = [BenchmarkStory.of(row) for row in queries.latest_benchmarks(card)]
    render(request, "catalog/model/model.html", {"benchmarks": stories, ...})

`templates/catalog/model/_benchmarks.html` shows them. Nothing here asks the database.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.models import Benchmark
from catalog.numbers.formatting import exact

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Bar:
    """One measurement: `share` is its speed in percent of the fastest beside it."""

    label: str
    images_per_s: float
    p50_ms: float
    p95_ms: float
    share: float
    usd_per_1k_images: str = ""


@dataclass(frozen=True)
class BenchmarkStory:
    """One run on one machine. `usd_per_1k_images`: the bare cost of a machine that is always busy;
    empty where nobody said what the machine costs."""

    row: Benchmark
    passes: Sequence[Bar]
    photos: Sequence[Bar]

    @classmethod
    def of(cls, row: Benchmark) -> "BenchmarkStory":
        fastest = max((figure["images_per_s"] for figure in row.figures), default=0.0)

        def bars(what: str, label: str) -> list[Bar]:
            return [
                Bar(
                    str(figure[label]),
                    figure["images_per_s"],
                    figure["p50_ms"],
                    figure["p95_ms"],
                    round(100 * figure["images_per_s"] / fastest, 1),
                    _usd_per_1k(row, figure["images_per_s"]),
                )
                for figure in row.figures
                if figure["what"] == what
            ]

        return cls(row, passes=bars("pass", "batch"), photos=bars("photos", "callers"))

    @property
    def images_per_s(self) -> float:
        """Photos a second, decoded and embedded, at the best number of callers."""
        return max((bar.images_per_s for bar in self.photos), default=0.0)

    @property
    def usd_per_1k_images(self) -> str:
        return _usd_per_1k(self.row, self.images_per_s)

    @property
    def agreement(self) -> str:
        """How far int8 is from float32; "" for other precisions."""
        found = self.row.agreement
        if not found:
            return ""
        sentence = (
            f"Cosine to float32 on {found['images']} varied images: {found['cosine_min']:.4f} at"
            f" the least, {found['cosine_median']:.4f} in the middle; the same label fits best for"
            f" {100 * found['top1']:.1f} % of them."
        )
        if self.row.has_random_weights:
            sentence += " With random weights these figures tell nothing of accuracy."
        return sentence

    @property
    def versions(self) -> str:
        return ", ".join(f"{name} {number}" for name, number in self.row.versions.items())

    def lines(self) -> Iterator[str]:
        row = self.row
        yield f"{row.hardware}, {row.device}, {row.dtype}, {row.engine}" + (
            ", random weights (speed does not depend on them)" if row.has_random_weights else ""
        )
        yield f"load {row.load_s:.1f} s, memory {row.resident_bytes / 1e6:.0f} MB" + (
            f", GPU {row.device_bytes / 1e6:.0f} MB" if row.device_bytes is not None else ""
        )
        if self.agreement:
            yield self.agreement
        for bar in self.passes:
            yield f"passes of {bar.label:>2}   {_speed(bar)}"
        for bar in self.photos:
            yield f"photos, {bar.label} at once {_speed(bar)}"
        cost = self.usd_per_1k_images or "unknown: give --usd-per-hour"
        yield f"cost of 1,000 images, the machine always busy: {cost}"


def _usd_per_1k(row: Benchmark, images_per_s: float) -> str:
    if not row.usd_per_hour or not images_per_s:
        return ""
    cost = row.usd_per_hour / SECONDS_PER_HOUR / images_per_s * 1000
    return f"${exact(float(f'{cost:.3g}'))}"


def _speed(bar: Bar) -> str:
    return f"{bar.images_per_s:>9.1f} images/s   p50 {bar.p50_ms:.1f} ms, p95 {bar.p95_ms:.1f} ms"
