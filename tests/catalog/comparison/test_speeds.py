"""Measured speed side by side: only what ran on one machine is compared."""

from datetime import UTC, datetime

from catalog.comparison import speeds
from catalog.comparison.notes import Notes
from catalog.models import Benchmark, ModelCard
from tests.conftest import make_card

EARLY, LATE = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)


def run(card: ModelCard, hardware: str, images_per_s: float, at: datetime = LATE) -> None:
    Benchmark.objects.create(
        card=card,
        hardware=hardware,
        measured_at=at,
        device="cpu",
        dtype="float32",
        load_s=1,
        resident_bytes=1,
        figures=[
            {
                "what": "photos",
                "callers": 1,
                "images_per_s": images_per_s,
                "p50_ms": 1,
                "p95_ms": 1,
            }
        ],
    )


def test_each_machine_has_a_row_with_the_latest_run_of_each_model(db: None) -> None:
    slow, fast = make_card("o/slow"), make_card("o/fast")
    run(slow, "two cores", 99, at=EARLY)
    run(slow, "two cores", 10)
    run(fast, "two cores", 25.04)
    run(fast, "a GPU", 900)

    rows = {row.detail: row for row in speeds.rows_of([slow, fast], Notes([slow, fast]))}

    on_cores = rows["JPEG to vector, on two cores"].cells
    assert [(cell.text, cell.is_best) for cell in on_cores] == [
        ("10 images/s", False),
        ("25 images/s", True),
    ]
    on_gpu = rows["JPEG to vector, on a GPU"].cells
    assert [(cell.text, cell.is_best) for cell in on_gpu] == [("", False), ("900 images/s", False)]
    assert on_cores[0].note is not None
    assert on_cores[0].note.url == "/models/o/slow/#speed"


def test_without_benchmarks_there_is_no_row(card: ModelCard) -> None:
    assert speeds.rows_of([card], Notes([card])) == []
