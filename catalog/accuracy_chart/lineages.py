"""Families of models as the chart draws them: each lineage has a shape of its own, and a color.

The shape alone tells them apart; colors are shared by lineages with unlike shapes.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Lineage:
    """A family with its generations. `shape` is an SVG path around 0, 0; hollow ones are outlined.

    `series` numbers the color tokens `--series-1` to `--series-6`; 0 is ink.
    """

    name: str
    label: str
    shape: str
    series: int
    is_hollow: bool = False


CIRCLE = "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z"
SQUARE = "M-4-4h8v8h-8z"
DIAMOND = "M0-5.6 5.6 0 0 5.6-5.6 0z"
UP = "M0-5.2 5.4 4.2H-5.4z"
DOWN = "M0 5.2 5.4-4.2H-5.4z"
PLUS = "M-1.7-5.2h3.4v3.5h3.5v3.4H1.7v3.5h-3.4V1.7h-3.5v-3.4h3.5z"
CROSS = "M-5-2.7-2.7-5 0-2.3 2.7-5 5-2.7 2.3 0 5 2.7 2.7 5 0 2.3-2.7 5-5 2.7-2.3 0z"
STAR = "M0-6.4 1.6-2.2 6.1-2 2.6.9 3.8 5.2 0 2.7-3.8 5.2-2.6.9-6.1-2-1.6-2.2z"
DOT = "M-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0z"

LINEAGES = [
    Lineage("clip", "CLIP (OpenAI)", CIRCLE, 0),
    Lineage("openclip", "OpenCLIP", SQUARE, 1),
    Lineage("datacomp", "DataComp", DIAMOND, 2),
    Lineage("siglip", "SigLIP", UP, 3),
    Lineage("metaclip", "MetaCLIP", DOWN, 4),
    Lineage("dfn", "DFN", STAR, 5),
    Lineage("eva", "EVA", PLUS, 6),
    Lineage("convnext", "ConvNeXt", CROSS, 1),
    Lineage("clipa", "CLIPA", CIRCLE, 2, is_hollow=True),
    Lineage("vitamin", "ViTamin", SQUARE, 3, is_hollow=True),
    Lineage("mobileclip", "MobileCLIP", UP, 4, is_hollow=True),
    Lineage("perception-encoder", "Perception Encoder", DIAMOND, 5, is_hollow=True),
]
OTHER = Lineage("other", "other families", DOT, 0)
BY_FAMILY = {
    "CLIP": "clip",
    "OpenCLIP": "openclip",
    "DataComp": "datacomp",
    "SigLIP": "siglip",
    "SigLIP 2": "siglip",
    "MetaCLIP": "metaclip",
    "MetaCLIP 2": "metaclip",
    "DFN": "dfn",
    "EVA": "eva",
    "ConvNeXt CLIP": "convnext",
    "CLIPA": "clipa",
    "ViTamin": "vitamin",
    "MobileCLIP": "mobileclip",
    "MobileCLIP 2": "mobileclip",
    "Perception Encoder": "perception-encoder",
}
_BY_NAME = {lineage.name: lineage for lineage in LINEAGES}


def of(family: str) -> Lineage:
    return _BY_NAME.get(BY_FAMILY.get(family, ""), OTHER)


def legend(drawn: Iterable[Lineage]) -> list[Lineage]:
    """Each of them once, in the order of `LINEAGES`."""
    present = set(drawn)
    return [lineage for lineage in [*LINEAGES, OTHER] if lineage in present]
