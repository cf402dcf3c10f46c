"""The wider zoo: model cards made from OpenCLIP's published tables of profiles and results.

One row of `fixtures/catalog/zoo.csv` is one model. Its card says only what the figures say; its
summary is generated, and marked so, until somebody writes a better one.
"""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog.loading.documents import Document
from catalog.models import datasets

READ_ON = "2026-11-23"
PROFILE, CONFIG, RESULTS = "openclip-profile", "openclip-config", "openclip-results"

# Which of a card's fields stand in which column, and which table of OpenCLIP's they come from.
INTEGERS = {
    "image_size": CONFIG,
    "patch_size": CONFIG,
    "embed_dim": CONFIG,
    "context_length": CONFIG,
    "image_layers": CONFIG,
    "image_width": CONFIG,
    "image_heads": CONFIG,
    "text_layers": CONFIG,
    "text_width": CONFIG,
    "text_heads": CONFIG,
}
COMPUTE = {"image_gflops": PROFILE, "text_gflops": PROFILE}

# The other columns of figures are called after their dataset.
NAMED_COLUMNS = {
    "average_38": "average over 38 datasets",
    "imagenet_top1": "ImageNet-1k",
    "top1 Flickr": "Flickr retrieval",
    "top1 MSCOCO": "MSCOCO retrieval",
}

# The first that matches the architecture or the repo names the family.
FAMILIES = [
    ("SigLIP 2", r"siglip2"),
    ("NLLB-CLIP", r"nllb"),
    ("SigLIP", r"siglip"),
    ("MobileCLIP 2", r"mobileclip2"),
    ("MobileCLIP", r"mobileclip"),
    ("ViTamin", r"vitamin"),
    ("EVA", r"eva0"),
    ("Perception Encoder", r"pe-core"),
    ("CLIPA", r"clipa"),
    ("MetaCLIP 2", r"worldwide|metaclip_2|metaclip2"),
    ("MetaCLIP", r"metaclip"),
    ("DFN", r"dfn"),
    ("CoCa", r"coca"),
    ("ConvNeXt CLIP", r"convnext"),
    ("DataComp", r"datacomp|commonpool"),
    ("CLIP", r"openai"),
]


def documents(path: Path) -> Iterator[Document]:
    """One document a row, in the form that `cards.load_card` takes."""
    with path.open(newline="") as file:
        yield from map(document_of, csv.DictReader(file))


def document_of(row: dict[str, str]) -> Document:
    family = family_of(row)
    return {
        "repo": row["repo"],
        "name": row["repo"].partition("/")[2],
        "family": family,
        "summary": summary_of(row, family),
        "summary_is_generated": True,
        "runtime": {
            "loader": "open_clip",
            "open_clip_model": row["open_clip_model"],
            "revision": "",
        },
        "facts": dict(facts_of(row)),
        "evaluations": list(evaluations_of(row)),
    }


def family_of(row: dict[str, str]) -> str:
    text = f"{row['open_clip_model']} {row['repo']} {row['pretrained_tag']}".lower()
    return next((name for name, pattern in FAMILIES if re.search(pattern, text)), "OpenCLIP")


def summary_of(row: dict[str, str], family: str) -> str:
    """One sentence from the figures alone.

    >>> row = {"open_clip_model": "ViT-B-32", "parameters_millions": "151.28",
    ...        "image_size": "224", "imagenet_top1": "0.6662"}
    >>> summary_of(row, "OpenCLIP")
    'OpenCLIP model of architecture ViT-B-32 with 151M parameters at 224 px; 66.6 % zero-shot on \
ImageNet.'
    """
    size = f" with {float(m):,.0f}M parameters" if (m := row["parameters_millions"]) else ""
    accuracy = f"; {float(a):.1%} zero-shot on ImageNet" if (a := row["imagenet_top1"]) else ""
    sentence = f"{family} model of architecture {row['open_clip_model']}{size}"
    return f"{sentence} at {row['image_size']} px{accuracy}.".replace("%", " %")


def facts_of(row: dict[str, str]) -> Iterator[tuple[str, Document]]:
    yield "architecture", _fact(row["open_clip_model"], CONFIG)
    for field, source in INTEGERS.items():
        if row[field]:
            yield field, _fact(int(row[field]), source)
    for field, source in COMPUTE.items():
        if row[field]:
            yield field, _fact(float(row[field]), source)
    if row["parameters_millions"]:
        yield "parameters", _fact(int(Decimal(row["parameters_millions"]) * 10**6), PROFILE)
    if row["imagenet_top1"]:
        yield "imagenet_top1", _fact(float(_percent(row["imagenet_top1"])), RESULTS)


def evaluations_of(row: dict[str, str]) -> Iterator[Document]:
    for column, fraction in row.items():
        dataset = _dataset_in(column)
        if dataset and fraction:
            figure = {"dataset": dataset, "metric": datasets.find(dataset).metric}
            yield figure | {"value": _percent(fraction)} | _origin(RESULTS)


def _dataset_in(column: str) -> str:
    """The dataset whose figures stand in a column; "" for any other column.

    >>> [_dataset_in(name) for name in ("top1 MNIST", "Flickr text retrieval", "embed_dim")]
    ['MNIST', 'Flickr text retrieval', '']
    """
    if column in NAMED_COLUMNS:
        return NAMED_COLUMNS[column]
    return column if column.endswith(" retrieval") else column.partition("top1 ")[2]


def _percent(fraction: str) -> Decimal:
    return (Decimal(fraction) * 100).quantize(Decimal("0.01"))


# A figure is text, a whole number or a fraction.
def _fact(value: Any, source: str) -> Document:
    return {"value": value} | _origin(source)


def _origin(source: str) -> Document:
    return {"source": source, "read": READ_ON}
