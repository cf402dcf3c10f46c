"""Measures how fast a model is on this machine, and keeps it where its page and price can use it.

    measured = measure(spec, options=..., model_dir=..., photos=[...])
    record(card, measured, machine=Machine(...), prices_it=True)

Two kinds of figures: passes (the image tower alone, on squares that are ready, by batch size) and
photos (JPEG bytes to vectors, decoding included, by how many callers ask at once).
"""

import itertools
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.db import transaction
from PIL import Image

from catalog import price_history
from catalog.models import Benchmark, ModelCard
from inference.runtime import loading, process_stats
from inference.runtime.encoder import Agreement, Encoder
from inference.runtime.images import headers
from inference.runtime.images.decoders import Decoder
from inference.runtime.images.decoding import Task
from inference.runtime.loading import Options
from inference.runtime.spec import ModelSpec
from inference.worker import decode

BATCHES = (1, 2, 4, 8, 16, 32, 64)
CALLERS = (1, 2, 4, 8)
PHOTOS_A_PASS = 16
FEWEST_PASSES = 3
PACKAGES = ("torch", "onnxruntime", "transformers", "open_clip_torch", "pillow", "numpy")

# Told before each measurement: how many are done, of how many, and what comes now.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Figure:
    """`what` is "pass" or "photos"; milliseconds are those of one call for the whole batch."""

    what: str
    batch: int
    callers: int
    images_per_s: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Measured:
    dtype: str
    load_s: float
    resident_bytes: int
    device_bytes: int | None
    figures: Sequence[Figure]
    engine: str = "torch"
    agreement: Agreement | None = None

    @property
    def images_per_s(self) -> float:
        # What a price may count on: from JPEG bytes, at the best of the callers' numbers.
        return max(figure.images_per_s for figure in self.figures if figure.what == "photos")


@dataclass(frozen=True)
class Machine:
    """Where it was measured; `usd_per_hour` None: nobody said what it costs."""

    hardware: str
    device: str
    usd_per_hour: float | None = None


def measure(
    spec: ModelSpec,
    *,
    options: Options,
    model_dir: Path,
    photos: Sequence[bytes],
    seconds: float,
    note: Progress,
) -> Measured:
    """Load and run the model. Raises EncoderError if it cannot be loaded."""
    steps = 1 + len(BATCHES) + len(CALLERS)
    note(0, steps, "load")
    began = time.perf_counter()
    encoder = loading.load(spec, model_dir=model_dir, cache_dir=settings.CACHE_DIR, options=options)
    loading.warm_up(encoder)
    load_s = time.perf_counter() - began
    decoders = decode.decoders()
    squares = decoders.map(partial(_square, encoder), photos)
    figures = []
    for done, batch in enumerate(BATCHES, 1):
        note(done, steps, f"passes of {batch}")
        figures.append(_pass(encoder, squares, batch=batch, seconds=seconds))
    for done, callers in enumerate(CALLERS, 1 + len(BATCHES)):
        note(done, steps, f"photos, {callers} at once")
        figures.append(_photos(encoder, photos, callers=callers, seconds=seconds))
    note(steps, steps, "done")
    return Measured(
        dtype=encoder.precision,
        engine=encoder.engine,
        agreement=encoder.agreement,
        load_s=load_s,
        resident_bytes=process_stats.resident_bytes(),
        device_bytes=process_stats.device_bytes(options.device),
        figures=figures,
    )


def _square(encoder: Encoder, decoder: Decoder, photo: bytes) -> Image.Image:
    size = headers.read(photo).upright_size
    task = Task(data=photo, size=size, preprocessing=encoder.preprocessing)
    return decoder.decode(task).crop


def _pass(
    encoder: Encoder, squares: Sequence[Image.Image], *, batch: int, seconds: float
) -> Figure:
    pictures = list(itertools.islice(itertools.cycle(squares), batch))
    encoder.encode_images(pictures)  # a new size may be compiled, or its kernels chosen
    took_s = list(_times(lambda: encoder.encode_images(pictures), time.perf_counter() + seconds))
    return _figure("pass", took_s, batch=batch, callers=1, wall_s=sum(took_s))


def _photos(encoder: Encoder, photos: Sequence[bytes], *, callers: int, seconds: float) -> Figure:
    """Callers share the decoders; one pass at a time has the device, as in a worker."""
    device = threading.Lock()
    decoders = decode.decoders()
    mine = list(itertools.islice(itertools.cycle(photos), PHOTOS_A_PASS))

    def call() -> None:
        squares = decoders.map(partial(_square, encoder), mine)
        with device:
            encoder.encode_images(squares)

    began = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        calls = [pool.submit(lambda: list(_times(call, began + seconds))) for _ in range(callers)]
        took_s = [seconds_taken for future in calls for seconds_taken in future.result()]
    wall_s = time.perf_counter() - began
    return _figure("photos", took_s, batch=PHOTOS_A_PASS, callers=callers, wall_s=wall_s)


def _times(call: Callable[[], object], until_s: float) -> Iterator[float]:
    """Seconds of each call, until the time is over, but of a few at least."""
    for number in itertools.count():
        began = time.perf_counter()
        if began >= until_s and number >= FEWEST_PASSES:
            return
        call()
        yield time.perf_counter() - began


def _figure(
    what: str, took_s: Sequence[float], *, batch: int, callers: int, wall_s: float
) -> Figure:
    parts = statistics.quantiles(took_s, n=100, method="inclusive")
    return Figure(
        what=what,
        batch=batch,
        callers=callers,
        images_per_s=round(len(took_s) * batch / wall_s, 2),
        p50_ms=round(parts[49] * 1000, 2),
        p95_ms=round(parts[94] * 1000, 2),
    )


def record(
    card: ModelCard,
    measured: Measured,
    *,
    machine: Machine,
    has_random_weights: bool,
    prices_it: bool,
) -> Benchmark:
    """Write it down; with `prices_it` and a cost of the machine, the card's price follows it."""
    with transaction.atomic():
        row = Benchmark.objects.create(
            card=card,
            **asdict(machine),
            has_random_weights=has_random_weights,
            dtype=measured.dtype,
            engine=measured.engine,
            agreement=asdict(measured.agreement) if measured.agreement else None,
            load_s=round(measured.load_s, 2),
            resident_bytes=measured.resident_bytes,
            device_bytes=measured.device_bytes,
            commit=_commit(),
            versions={"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
            figures=[asdict(figure) for figure in measured.figures],
        )
        if prices_it and machine.usd_per_hour is not None:
            card.measured_images_per_s = measured.images_per_s
            card.measured_usd_per_hour = machine.usd_per_hour
            card.save(
                update_fields=["measured_images_per_s", "measured_usd_per_hour", "changed_at"]
            )
            price_history.record(card)
    return row


def _commit() -> str:
    """The checkout's; a site that was installed otherwise has none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(settings.BASE_DIR), "rev-parse", "HEAD"],  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()[:40]
