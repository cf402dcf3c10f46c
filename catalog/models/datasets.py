"""The datasets of published evaluations: what each is about, how it is scored, what chance gives.

    DATASETS["PatchCamelyon"].subject      # Subject.MEDICAL
    DATASETS["PatchCamelyon"].chance       # 50.0, in percent

Metrics and chance: DataComp's task list, which OpenCLIP's results follow (their average over 38
datasets is the mean of these metrics), read 2026-11-30,
https://github.com/mlfoundations/datacomp/blob/main/tasklist.yml
"""

from typing import NamedTuple

from django.db import models


class Subject(models.TextChoices):
    """What a dataset is about, in the order that pages show."""

    OVERALL = "overall", "average, and ImageNet with its variants"
    EVERYDAY = "everyday", "everyday objects and scenes"
    FINE_GRAINED = "fine-grained", "fine-grained classes"
    TEXTURE = "texture", "texture"
    READING = "reading", "digits, text and signs"
    REASONING = "visual-reasoning", "visual reasoning: counting, distance, association"
    SATELLITE = "satellite", "satellite and aerial images"
    MEDICAL = "medical", "medical images"
    PLACES = "places", "places, regions and wildlife"
    RETRIEVAL = "retrieval", "image-text retrieval"
    OTHER = "other", "other tests"


class Dataset(NamedTuple):
    """`chance`: percent that guessing gives, where the task list states it."""

    subject: Subject
    chance: float | None = None
    metric: str = "zero-shot top-1"


OVER_CLASSES = "zero-shot, mean over classes"
BOTH_WAYS = "recall at 1, mean of both directions"
TEXT_TO_IMAGE, IMAGE_TO_TEXT = "recall at 1, text to image", "recall at 1, image to text"

# As a model's authors state it: their own prompts, and not those of OpenCLIP's table.
BY_AUTHORS = "zero-shot top-1, as the authors measured it"

DATASETS = {
    "average over 38 datasets": Dataset(Subject.OVERALL, None, "mean of their main metrics"),
    "ImageNet-1k": Dataset(Subject.OVERALL, 0.1),
    "ImageNet v2": Dataset(Subject.OVERALL, 0.1),
    "ImageNet-R": Dataset(Subject.OVERALL, 0.62),
    "ImageNet-A": Dataset(Subject.OVERALL, 0.81),
    "ImageNet-O": Dataset(Subject.OVERALL, 0.6),
    "ImageNet Sketch": Dataset(Subject.OVERALL, 0.1),
    "ObjectNet": Dataset(Subject.OVERALL, 0.95),
    "Caltech-101": Dataset(Subject.EVERYDAY, 0.98, OVER_CLASSES),
    "CIFAR-10": Dataset(Subject.EVERYDAY, 10.0),
    "CIFAR-100": Dataset(Subject.EVERYDAY, 1.0),
    "Pascal VOC 2007": Dataset(Subject.EVERYDAY, 15.4),
    "STL-10": Dataset(Subject.EVERYDAY, 10.0),
    "SUN397": Dataset(Subject.EVERYDAY, 0.46),
    "FGVC Aircraft": Dataset(Subject.FINE_GRAINED, 1.0, OVER_CLASSES),
    "Food-101": Dataset(Subject.FINE_GRAINED, 0.99),
    "Oxford Flowers-102": Dataset(Subject.FINE_GRAINED, 0.98, OVER_CLASSES),
    "Oxford-IIIT Pet": Dataset(Subject.FINE_GRAINED, 2.7, OVER_CLASSES),
    "Stanford Cars": Dataset(Subject.FINE_GRAINED, 0.52),
    "Describable Textures": Dataset(Subject.TEXTURE, 2.13),
    "GTSRB": Dataset(Subject.READING, 3.76),
    "MNIST": Dataset(Subject.READING, 10.0),
    "Rendered SST2": Dataset(Subject.READING, 50.0),
    "SVHN": Dataset(Subject.READING, 11.8),
    "CLEVR Counts": Dataset(Subject.REASONING, 12.5),
    "CLEVR Distance": Dataset(Subject.REASONING, 19.1),
    "KITTI Vehicle Distance": Dataset(Subject.REASONING, 29.5),
    "WinoGAViL": Dataset(Subject.REASONING, 20.5, "Jaccard score"),
    "EuroSAT": Dataset(Subject.SATELLITE, 10.1),
    "FMoW": Dataset(Subject.SATELLITE, 2.72, "zero-shot top-1, minimum over regions"),
    "RESISC45": Dataset(Subject.SATELLITE, 2.23),
    "Camelyon17": Dataset(Subject.MEDICAL, 50.0),
    "PatchCamelyon": Dataset(Subject.MEDICAL, 50.0),
    "Country211": Dataset(Subject.PLACES, 0.47),
    "Dollar Street": Dataset(Subject.PLACES, None, "zero-shot top-5, minimum over groups"),
    "GeoDE": Dataset(Subject.PLACES, None, "zero-shot top-1, minimum over regions"),
    "CVQA-LOCAL": Dataset(Subject.PLACES, None, "zero-shot accuracy"),
    "iWildCam": Dataset(Subject.PLACES, None, "macro F1"),
    "Flickr retrieval": Dataset(Subject.RETRIEVAL, None, BOTH_WAYS),
    "Flickr retrieval (image-to-text)": Dataset(Subject.RETRIEVAL),
    "Flickr image retrieval": Dataset(Subject.RETRIEVAL, None, TEXT_TO_IMAGE),
    "Flickr text retrieval": Dataset(Subject.RETRIEVAL, None, IMAGE_TO_TEXT),
    "MSCOCO retrieval": Dataset(Subject.RETRIEVAL, None, BOTH_WAYS),
    "MSCOCO retrieval (image-to-text)": Dataset(Subject.RETRIEVAL),
    "MSCOCO image retrieval": Dataset(Subject.RETRIEVAL, None, TEXT_TO_IMAGE),
    "MSCOCO text retrieval": Dataset(Subject.RETRIEVAL, None, IMAGE_TO_TEXT),
}
UNKNOWN = Dataset(Subject.OTHER)
_ORDER = {name: place for place, name in enumerate(DATASETS)}


def find(name: str) -> Dataset:
    return DATASETS.get(name, UNKNOWN)


def order(name: str) -> int:
    """A key to sort by: all pages list datasets in one order, unknown ones last."""
    return _ORDER.get(name, len(_ORDER))
