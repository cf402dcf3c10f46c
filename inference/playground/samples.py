"""The sample photos, each with labels that fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Sample:
    """`labels`: one a line, as the form's field holds them."""

    name: str
    text: str
    labels: str


SAMPLES: Mapping[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample("cat", "a cat", "a cat\na dog\na car"),
        Sample("coffee", "a cup of coffee", "a cup of coffee\na bowl of soup\na glass of wine"),
        Sample("rocket", "a rocket", "a rocket\na lighthouse\na firework"),
    )
}
# Beside the samples: the picture of a form that had an error (drafts).
KEPT = "kept"
CHOICES = [*((sample.name, sample.text) for sample in SAMPLES.values()), (KEPT, "kept")]
FIRST = SAMPLES["cat"]


def read(name: str) -> bytes:
    """`name` is one of the choices: no path of a visitor's gets here."""
    path: Path = settings.BASE_DIR / "static" / "samples" / f"{name}.jpg"
    return path.read_bytes()
