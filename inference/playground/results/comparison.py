"""Two results of one picture beside each other, label by label."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from inference.kinds import classify
from inference.kinds.classify import score_text
from inference.kinds.classify.answer import predictions_of
from inference.models import Job, JobQuerySet, State
from inference.runtime.zero_shot import Activation

UNFOLDED_LINES = 10


@dataclass(frozen=True)
class Score:
    """`width`: of its bar, in percent."""

    text: str
    width: float
    is_best: bool


@dataclass(frozen=True)
class Line:
    """A label with its score in each of the two jobs; None where a job did not have it."""

    label: str
    scores: Sequence[Score | None]


@dataclass(frozen=True)
class Comparison:
    jobs: Sequence[Job]
    lines: Sequence[Line]

    @property
    def is_of_one_model(self) -> bool:
        return len({job.card_id for job in self.jobs}) == 1

    @property
    def best_labels(self) -> Sequence[str]:
        return [predictions_of(job)[0][0]["label"] for job in self.jobs]

    @property
    def agrees(self) -> bool:
        return len(set(self.best_labels)) == 1

    @property
    def first_lines(self) -> Sequence[Line]:
        return self.lines[:UNFOLDED_LINES]

    @property
    def folded_count(self) -> int:
        return len(self.lines) - len(self.first_lines)


def other_of(sent: str | None, visible: JobQuerySet, job: Job) -> Job | None:
    """The job named in `?beside=`, if its owner is looking and it can stand beside this one."""
    try:
        pk = uuid.UUID(sent or "")
    except ValueError:
        return None
    others = visible.filter(pk=pk, kind=classify.KIND.name, image_count=1).exclude(pk=job.pk)
    return others.select_related("card").first()


def of(job: Job, other: Job) -> Comparison | None:
    """None until both have succeeded. Labels in the order of the first one's scores."""
    both = (other, job)
    if not all(_is_comparable(each) for each in both):
        return None
    scores = [_scores(each) for each in both]
    labels = dict.fromkeys([*scores[0], *scores[1]])
    lines = [Line(label, [by_label.get(label) for by_label in scores]) for label in labels]
    return Comparison(both, lines)


def _is_comparable(job: Job) -> bool:
    return job.state == State.SUCCEEDED and job.kind == classify.KIND.name and job.image_count == 1


def _scores(job: Job) -> dict[str, Score]:
    """By label, best first."""
    [predictions] = predictions_of(job)
    activation = Activation((job.result or {})["activation"])
    return {
        prediction["label"]: Score(
            score_text.written(prediction["score"], activation),
            max(0.0, min(100.0, 100 * prediction["score"])),
            rank == 0,
        )
        for rank, prediction in enumerate(predictions)
    }
