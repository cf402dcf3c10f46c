"""Fault points: where a test makes this process crash or hang, as the real world would.

Off unless GR_FAULTS names a folder and DEBUG is on (inference.checks sees to the latter). A file of
a point's name in that folder says what happens there: one of DEEDS, whose picture is meant (its
SHA-256, or `any`), and perhaps `once`.

    echo segv e3b0c442... > $GR_FAULTS/decode
    echo kill any once > $GR_FAULTS/settling

    submitted   a job is committed, nobody was told        (jobs.submit)
    claimed     jobs are claimed, nothing is decoded       (batches.make_ready)
    decode      one image is about to be decoded, in a child (decode)
    forward     a batch is about to go through the towers  (batches)
    settling    results are written, nothing is committed  (settling.succeed)
    settled     committed, the pictures are not deleted    (settling.succeed)
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from catalog.infrastructure import storage
from inference.models import Job
from inference.runtime.deeds import DEEDS

POINTS = ("submitted", "claimed", "decode", "forward", "settling", "settled")


def hit(point: str, *jobs: Job) -> None:
    """Do here what a test has asked for; nothing, as a rule."""
    if deed := due(point, *jobs):
        DEEDS[deed]()


def due(point: str, *jobs: Job) -> str:
    """What is to be done here, for a point that another process passes; "": nothing, as a rule."""
    if settings.FAULTS_DIR and settings.DEBUG:
        return _due(Path(settings.FAULTS_DIR) / point, jobs)
    return ""


@dataclass(frozen=True)
class _Order:
    what: str
    sha256: str = "any"

    def means(self, jobs: Sequence[Job]) -> bool:
        return self.sha256 == "any" or any(self.sha256 in _digests(job) for job in jobs)


def _due(file: Path, jobs: Sequence[Job]) -> str:
    with suppress(FileNotFoundError):
        words = file.read_text().split()
        order = _Order(*words[:2]) if words else None
        if order and order.means(jobs):
            # One order, one process: whoever takes the file away carries it out.
            if "once" in words[2:]:
                file.unlink()
            return order.what
    return ""


def _digests(job: Job) -> set[str]:
    digests = set()
    for name in job.image_files:
        with suppress(FileNotFoundError):
            digests.add(hashlib.sha256(storage.read(name)).hexdigest())
    return digests
