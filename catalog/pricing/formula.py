"""What a picture costs, in whole micro-dollars (µ$; 1,000,000 µ$ = $1).

One price a model, found by the first of these that is known:

1. set at launch, and frozen then, with that of a label;
2. stated by the model's first page: $0.094 per 1,000 images on two of them;
3. from a benchmark: what the hardware costs for the time an image takes, over the share of time
   that it is busy, plus a margin;
4. from compute: in proportion to the anchor, ViT-L/14 at 94 µ$ for 162.03 GFLOP an image
   (open_clip's model profile). That is arithmetic on an anchor, not a measurement, and pages call
   it so.

A label costs as its text tower's compute stands to the image tower's, when an account sends it for
the first time: its embedding is then kept for that account, and meanwhile it costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db import models

from catalog.numbers.money import MICRO_USD_PER_USD

ANCHOR_MICRO_USD_PER_IMAGE = 94
ANCHOR_GFLOPS = 162.03
SECONDS_PER_HOUR = 3600
# Assumptions of the benchmark's formula, shown wherever it is used.
UTILISATION = Decimal("0.30")
MARGIN = Decimal("0.40")
# What batches cost less: they may wait for up to a day.
BATCH_DISCOUNT_PERCENT = 50


class Basis(models.TextChoices):
    LAUNCH = "launch", "set at launch"
    STATED = "stated", "stated by the model's first page"
    BENCHMARK = "benchmark", "from a benchmark"
    COMPUTE = "compute", "from compute"


@dataclass(frozen=True, kw_only=True)
class Known:
    launch_micro_usd: int | None = None
    launch_label_micro_usd: int | None = None
    stated_micro_usd: int | None = None
    images_per_s: float | None = None
    hardware_usd_per_hour: float | None = None
    image_gflops: float | None = None
    text_gflops: float | None = None


@dataclass(frozen=True)
class Price:
    """What one image and one new label cost, what that rests on, and the formula's inputs."""

    micro_usd_per_image: int
    micro_usd_per_label: int
    basis: Basis
    inputs: Mapping[str, float]

    @property
    def is_estimate(self) -> bool:
        return self.basis != Basis.LAUNCH

    @property
    def is_whole(self) -> bool:
        """Whether nothing is free for want of a figure: a label costs something, or was decided to
        cost nothing.
        """
        return self.basis == Basis.LAUNCH or self.micro_usd_per_label > 0

    @property
    def usd_per_1k_images(self) -> Decimal:
        return self.micro_usd_per_image * 1000 / MICRO_USD_PER_USD

    @property
    def usd_per_image(self) -> Decimal:
        return self.micro_usd_per_image / MICRO_USD_PER_USD

    def micro_usd_for(self, *, images: int, new_labels: int = 0, discount_percent: int = 0) -> int:
        """The whole of a request: its images, and those labels whose embedding is not kept yet.

        The sum is exact, and rounded up once.

        >>> price_of(Known(stated_micro_usd=94)).micro_usd_for(images=1000)
        94000
        >>> price_of(Known(stated_micro_usd=5)).micro_usd_for(
        ...     images=1, discount_percent=BATCH_DISCOUNT_PERCENT
        ... )
        3
        """
        full = images * self.micro_usd_per_image + new_labels * self.micro_usd_per_label
        return -(-full * (100 - discount_percent) // 100)


def price_of(known: Known) -> Price | None:
    """The price by the first basis that is known, or None when nothing is."""
    based = _basis_of(known)
    if based is None:
        return None
    basis, micro_usd, inputs = based
    return Price(micro_usd, _label_micro_usd(basis, micro_usd, known), basis, inputs)


def _basis_of(known: Known) -> tuple[Basis, int, dict[str, float]] | None:
    if known.launch_micro_usd is not None:
        return Basis.LAUNCH, known.launch_micro_usd, {}
    if known.stated_micro_usd is not None:
        return Basis.STATED, known.stated_micro_usd, {}
    if known.images_per_s and known.hardware_usd_per_hour:
        measured = benchmark_micro_usd(
            images_per_s=known.images_per_s, usd_per_hour=known.hardware_usd_per_hour
        )
        inputs = {
            "images_per_s": known.images_per_s,
            "hardware_usd_per_hour": known.hardware_usd_per_hour,
            "utilisation": float(UTILISATION),
            "margin": float(MARGIN),
        }
        return Basis.BENCHMARK, measured, inputs
    if known.image_gflops is not None:
        inputs = {
            "image_gflops": known.image_gflops,
            "anchor_gflops": ANCHOR_GFLOPS,
            "anchor_micro_usd_per_image": ANCHOR_MICRO_USD_PER_IMAGE,
        }
        return Basis.COMPUTE, estimate_micro_usd(known.image_gflops), inputs
    return None


def estimate_micro_usd(image_gflops: float) -> int:
    """94 µ$ x GFLOP / 162.03, rounded half up to whole µ$, and at least one.

    >>> estimate_micro_usd(162.03), estimate_micro_usd(8.82), estimate_micro_usd(967.5)
    (94, 5, 561)
    """
    return _whole(
        ANCHOR_MICRO_USD_PER_IMAGE * Decimal(str(image_gflops)) / Decimal(str(ANCHOR_GFLOPS))
    )


def benchmark_micro_usd(*, images_per_s: float, usd_per_hour: float) -> int:
    """$ an hour / 3600 / images a second / utilisation x (1 + margin), half up, at least one.

    >>> benchmark_micro_usd(images_per_s=100, usd_per_hour=3.6)
    47
    """
    bare = Decimal(str(usd_per_hour)) / SECONDS_PER_HOUR / Decimal(str(images_per_s))
    return _whole(bare * MICRO_USD_PER_USD / UTILISATION * (1 + MARGIN))


def label_micro_usd(
    image_micro_usd: int, *, image_gflops: float | None, text_gflops: float | None
) -> int | None:
    """In proportion to compute, at least one; None where the compute is unknown.

    >>> label_micro_usd(94, image_gflops=162.03, text_gflops=13.3)
    8
    """
    if not (image_gflops and text_gflops):
        return None
    if not image_micro_usd:
        return 0
    return _whole(image_micro_usd * Decimal(str(text_gflops)) / Decimal(str(image_gflops)))


def _label_micro_usd(basis: Basis, image_micro_usd: int, known: Known) -> int:
    # A figure that is corrected after the launch changes nothing of what the launch has set.
    if basis == Basis.LAUNCH and known.launch_label_micro_usd is not None:
        return known.launch_label_micro_usd
    from_compute = label_micro_usd(
        image_micro_usd, image_gflops=known.image_gflops, text_gflops=known.text_gflops
    )
    return from_compute or 0


def _whole(micro_usd: Decimal) -> int:
    return max(1, int(micro_usd.to_integral_value(ROUND_HALF_UP)))
