"""The wider zoo: model cards made from OpenCLIP's published tables of profiles and results.

One row of `fixtures/catalog/zoo.csv` is one model. Its card says only what the figures say.
"""

import csv
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


def documents(path: Path) -> Iterator[Document]:
    """One document a row, in the form that `cards.load_card` takes."""
    with path.open(newline="") as file:
        yield from map(document_of, csv.DictReader(file))


def document_of(row: dict[str, str]) -> Document:
    return {
        "repo": row["repo"],
        "name": row["repo"].partition("/")[2],
        "runtime": {
            "loader": "open_clip",
            "open_clip_model": row["open_clip_model"],
            "revision": "",
        },
        "facts": dict(facts_of(row)),
        "evaluations": list(evaluations_of(row)),
    }


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
