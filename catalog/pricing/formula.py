"""What a request costs: unit prices in nano-dollars (n$; 1,000,000,000 n$ = $1), sums in µ$.

One price a model, found by the first of these that is known:

1. set at launch, and frozen then, with that of a text;
2. stated by the model's first page: $0.094 per 1,000 images on two of them;
3. from a benchmark: what the hardware costs for the time an image takes, over the share of time
   that it is busy, plus a margin;
4. from compute: in proportion to the anchor, ViT-L/14 at 94,000 n$ for 162.03 GFLOP an image
   (open_clip's model profile). That is arithmetic on an anchor, not a measurement, and pages call
   it so.

A token of a text costs as the text tower's compute, for each token of its context, stands to the
image tower's. What counts are the tokens that the model reads. They are charged when an account
sends the text for the first time: its embedding is then kept for that account, and meanwhile it
costs nothing. Models that were launched before tokens were counted may have a frozen price for
each new text, however long it is (ADR 40).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db import models

from catalog.numbers.money import NANO_USD_PER_MICRO_USD, NANO_USD_PER_USD, round_up_to_micro_usd

ANCHOR_NANO_USD_PER_IMAGE = 94_000
ANCHOR_GFLOPS = 162.03
SECONDS_PER_HOUR = 3600
# Assumptions of the benchmark's formula, shown wherever it is used.
UTILISATION = Decimal("0.30")
MARGIN = Decimal("0.40")
# CLIP's; of towers whose own is not known.
USUAL_CONTEXT_LENGTH = 77


class Basis(models.TextChoices):
    LAUNCH = "launch", "set by us"
    STATED = "stated", "stated by the model's first page"
    BENCHMARK = "benchmark", "from a benchmark"
    COMPUTE = "compute", "from compute"


@dataclass(frozen=True, kw_only=True)
class Known:
    """`context_length` is in tokens; `text_gflops` are those of a text that fills it."""

    launch_nano_usd: int | None = None
    launch_token_nano_usd: int | None = None
    launch_text_nano_usd: int | None = None
    stated_nano_usd: int | None = None
    images_per_s: float | None = None
    hardware_usd_per_hour: float | None = None
    image_gflops: float | None = None
    text_gflops: float | None = None
    context_length: int | None = None


@dataclass(frozen=True)
class Price:
    """What an image and a token of a new text cost, what that rests on, and the formula's inputs.

    `nano_usd_per_text` is of each new text, whatever its length: 0 but for models launched before
    texts were priced by their tokens.
    """

    nano_usd_per_image: int
    nano_usd_per_token: int
    basis: Basis
    inputs: Mapping[str, float]
    nano_usd_per_text: int = 0

    @property
    def is_estimate(self) -> bool:
        return self.basis != Basis.LAUNCH

    @property
    def is_whole(self) -> bool:
        """Whether nothing is free for want of a figure: a text costs something, or was decided to
        cost nothing.
        """
        return self.basis == Basis.LAUNCH or self.charges_texts

    @property
    def charges_texts(self) -> bool:
        return bool(self.nano_usd_per_token or self.nano_usd_per_text)

    @property
    def usd_per_1k_images(self) -> Decimal:
        return self.nano_usd_per_image * 1000 / NANO_USD_PER_USD

    @property
    def usd_per_1m_tokens(self) -> Decimal:
        return self.nano_usd_per_token * 1_000_000 / NANO_USD_PER_USD

    @property
    def usd_per_image(self) -> Decimal:
        return self.nano_usd_per_image / NANO_USD_PER_USD

    def images_for(self, micro_usd: int) -> int:
        """How many images a sum buys, if they come in one request. Not for a price of 0."""
        return micro_usd * NANO_USD_PER_MICRO_USD // self.nano_usd_per_image

    def micro_usd_for(self, *, images: int, texts: int = 0, tokens: int = 0) -> int:
        """The whole of a request: its images, and its new texts with the tokens they have together.

        The sum is exact, and rounded up once to a whole µ$.

        >>> price_of(Known(stated_nano_usd=94_000)).micro_usd_for(images=1000)
        94000
        >>> price = price_of(Known(stated_nano_usd=5_117))
        >>> price.micro_usd_for(images=1), price.micro_usd_for(images=1000)
        (6, 5117)
        """
        return round_up_to_micro_usd(
            images * self.nano_usd_per_image
            + texts * self.nano_usd_per_text
            + tokens * self.nano_usd_per_token
        )


def price_of(known: Known) -> Price | None:
    """The price by the first basis that is known, or None when nothing is."""
    based = _basis_of(known)
    if based is None:
        return None
    basis, nano_usd, inputs = based
    # A figure that is corrected after the launch changes nothing of what the launch has set.
    if basis == Basis.LAUNCH and known.launch_text_nano_usd is not None:
        return Price(nano_usd, 0, basis, inputs, known.launch_text_nano_usd)
    if basis == Basis.LAUNCH and known.launch_token_nano_usd is not None:
        return Price(nano_usd, known.launch_token_nano_usd, basis, inputs)
    from_compute = token_nano_usd(
        nano_usd,
        image_gflops=known.image_gflops,
        text_gflops=known.text_gflops,
        context_length=known.context_length,
    )
    return Price(nano_usd, from_compute or 0, basis, inputs)


def _basis_of(known: Known) -> tuple[Basis, int, dict[str, float]] | None:
    if known.launch_nano_usd is not None:
        return Basis.LAUNCH, known.launch_nano_usd, {}
    if known.stated_nano_usd is not None:
        return Basis.STATED, known.stated_nano_usd, {}
    if known.images_per_s and known.hardware_usd_per_hour:
        measured = benchmark_nano_usd(
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
            "anchor_nano_usd_per_image": ANCHOR_NANO_USD_PER_IMAGE,
        }
        return Basis.COMPUTE, estimate_nano_usd(known.image_gflops), inputs
    return None


def estimate_nano_usd(image_gflops: float) -> int:
    """94,000 n$ x GFLOP / 162.03, rounded half up to whole n$, and at least one.

    >>> estimate_nano_usd(162.03), estimate_nano_usd(8.82), estimate_nano_usd(967.5)
    (94000, 5117, 561285)
    """
    return _whole(
        ANCHOR_NANO_USD_PER_IMAGE * Decimal(str(image_gflops)) / Decimal(str(ANCHOR_GFLOPS))
    )


def benchmark_nano_usd(*, images_per_s: float, usd_per_hour: float) -> int:
    """$ an hour / 3600 / images a second / utilisation x (1 + margin), half up, at least one.

    >>> benchmark_nano_usd(images_per_s=100, usd_per_hour=3.6)
    46667
    """
    bare = Decimal(str(usd_per_hour)) / SECONDS_PER_HOUR / Decimal(str(images_per_s))
    return _whole(bare * NANO_USD_PER_USD / UTILISATION * (1 + MARGIN))


def token_nano_usd(
    image_nano_usd: int,
    *,
    image_gflops: float | None,
    text_gflops: float | None,
    context_length: int | None,
) -> int | None:
    """In proportion to compute, at least one; None where the compute is unknown.

    >>> token_nano_usd(94_000, image_gflops=162.03, text_gflops=13.3, context_length=77)
    100
    """
    if not (image_gflops and text_gflops):
        return None
    if not image_nano_usd:
        return 0
    share = Decimal(str(text_gflops)) / Decimal(str(image_gflops))
    return _whole(image_nano_usd * share / (context_length or USUAL_CONTEXT_LENGTH))


def _whole(nano_usd: Decimal) -> int:
    return max(1, int(nano_usd.to_integral_value(ROUND_HALF_UP)))
