"""What authors publish of their models, and the names that people call them by.

`fixtures/catalog/facts.csv` has one row a figure, with its source and day; `names.csv` one row a
model. Both only add to what a card's own file or OpenCLIP's tables say, but for ImageNet: a row of
`imagenet_top1` is there where OpenCLIP has no run of the model, or none of the model as published.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from django.db.models import Field

from catalog.loading.documents import Document
from catalog.models import ModelCard, datasets

# Figures of a dataset, which are evaluations; the first is a fact of the card, too.
EVALUATIONS = {
    "authors_imagenet_top1": ("ImageNet-1k", datasets.BY_AUTHORS),
    "cvqa_local_zero_shot": ("CVQA-LOCAL", datasets.find("CVQA-LOCAL").metric),
}
# The authors' figure stands for the model here, whatever the tables say.
OVERRIDES = {"imagenet_top1"}


def facts_by_repo(*paths: Path) -> Mapping[str, Document]:
    """`facts` and `evaluations` of each repo, in the form of a card's file.

    What an earlier file states a later one does not change.
    """
    gathered: dict[str, Document] = defaultdict(lambda: {"facts": {}, "evaluations": []})
    for path in paths:
        for row in _rows(path):
            document, field = gathered[row["repo"]], row["field"]
            if field in EVALUATIONS:
                document["evaluations"].append(_evaluation(row))
            if field not in EVALUATIONS or hasattr(ModelCard, field):
                document["facts"].setdefault(field, _fact(row))
    return gathered


def names_by_repo(path: Path) -> Mapping[str, Document]:
    """`name`, `family` and `known_as` of each repo."""
    return {
        row["repo"]: {
            "name": row["name"],
            "family": row["family"],
            "known_as": "\n".join(row["known_as"].split("|")),
        }
        for row in _rows(path)
    }


def completed(document: Document, published: Document, *, is_written: bool) -> Document:
    """A card's document with the published facts that it does not state itself.

    A written card keeps all that it states.
    """
    stated, added = document.get("facts", {}), published.get("facts", {})
    overriding = {} if is_written else {k: added[k] for k in OVERRIDES & added.keys()}
    evaluations = [*document.get("evaluations", []), *published.get("evaluations", [])]
    return document | {"facts": added | stated | overriding, "evaluations": evaluations}


def sources(path: Path) -> Iterator[Document]:
    yield from _rows(path)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    # A catalog of one's own may do without.
    if not path.exists():
        return
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def _fact(row: Mapping[str, str]) -> Document:
    field = ModelCard._meta.get_field(row["field"])
    if not isinstance(field, Field):
        raise ValueError(f"{row['field']} is a relation, and no fact")
    value = field.to_python(row["value"])
    remark = {"remark": row["remark"]} if row["remark"] else {}
    return {"value": value, "source": row["source"], "read": row["read"]} | remark


def _evaluation(row: Mapping[str, str]) -> Document:
    dataset, metric = EVALUATIONS[row["field"]]
    figure = {"dataset": dataset, "metric": metric, "value": Decimal(row["value"])}
    return figure | {"source": row["source"], "read": row["read"]}
