"""What others charge for an image embedding, as their pages or pages about them state it.

Anchors for a reader, not claims about quality: the models differ. A price that goes by pixels or by
time is converted for an image of 224 x 224 pixels, and the conversion stands beside it.
"""

from dataclasses import dataclass
from decimal import Decimal

PIXELS = 224 * 224


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """`usd_per_1k_images` is None where what is published does not tell. `dated`: of the page."""

    name: str
    published: str
    usd_per_1k_images: Decimal | None
    conversion: str
    source: str
    url: str
    dated: str


ANCHORS = [
    Anchor(
        name="Voyage AI, voyage-multimodal-3",
        published="$0.60 per billion pixels, at least 50,000 pixels per image",
        usd_per_1k_images=Decimal("0.60") * PIXELS * 1000 / 10**9,
        conversion=f"{PIXELS:,} pixels",
        source="Voyage AI's price list",
        url="https://docs.voyageai.com/docs/pricing",
        dated="undated, read in November 2026",
    ),
    Anchor(
        name="Google Vertex AI, multimodalembedding@001",
        published="$0.0001 per image",
        usd_per_1k_images=Decimal("0.10"),
        conversion="per image",
        source="a third party's calculator",
        url="https://futureagi.com/llm-cost-calculator/vertex-ai/multimodalembedding-001",
        dated="12 May 2026",
    ),
    Anchor(
        name="DeepInfra, CLIP ViT-L/14 at 336 px",
        published="$0.0005 per second",
        usd_per_1k_images=None,
        conversion="depends on the seconds an image takes",
        source="DeepInfra's page of the model",
        url="https://deepinfra.com/openai/clip-vit-large-patch14-336",
        dated="undated, read in November 2026",
    ),
]
