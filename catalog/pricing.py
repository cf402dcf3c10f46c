"""What a picture costs, in whole micro-dollars (µ$; 1,000,000 µ$ = $1).

The anchor is the price that two pages state: $0.094 per 1,000 images for ViT-L/14, whose image
tower takes 162.03 GFLOP an image (open_clip's model profile). Where a page states no price, it is
estimated in proportion to the image tower's compute. Such a figure is arithmetic on an anchor, not
a measurement, and pages have to call it so.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

ANCHOR_MICRO_USD_PER_IMAGE = 94
ANCHOR_GFLOPS = 162.03
MICRO_USD = Decimal(1_000_000)


@dataclass(frozen=True)
class Price:
    """A price for one image, and whether it was stated or estimated from compute."""

    micro_usd_per_image: int
    is_from_compute: bool
    image_gflops: float | None

    @property
    def usd_per_1k_images(self) -> Decimal:
        return self.micro_usd_per_image * 1000 / MICRO_USD

    @property
    def usd_per_image(self) -> Decimal:
        return self.micro_usd_per_image / MICRO_USD


def price_of(*, stated_micro_usd: int | None, image_gflops: float | None) -> Price | None:
    """The stated price, else an estimate, else None when nothing is known to estimate from."""
    if stated_micro_usd is not None:
        return Price(stated_micro_usd, is_from_compute=False, image_gflops=image_gflops)
    if image_gflops is None:
        return None
    return Price(estimate_micro_usd(image_gflops), is_from_compute=True, image_gflops=image_gflops)


def estimate_micro_usd(image_gflops: float) -> int:
    """94 µ$ x GFLOP / 162.03, rounded half up to whole µ$, and at least one.

    >>> estimate_micro_usd(162.03), estimate_micro_usd(8.82), estimate_micro_usd(967.5)
    (94, 5, 561)
    """
    exact = ANCHOR_MICRO_USD_PER_IMAGE * Decimal(str(image_gflops)) / Decimal(str(ANCHOR_GFLOPS))
    return max(1, int(exact.to_integral_value(ROUND_HALF_UP)))
