"""What each column answered on each photo, read from the jobs in one query.

A result holds up to a hundred predictions; of each only the first few are read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, FloatField, Func, JSONField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from inference.kinds.classify import score_text
from inference.models import FINAL, ComparedAnswer, Comparison, ErrorCode, State
from inference.runtime.zero_shot import Activation

# Below, the best label is hardly more likely than the second: the odds between the two, which are
# exp of the difference of their logits, both for softmax and for sigmoid.
NEAR_TIE_ODDS = 1.25
MIN_BAR_PERCENT = 0.4
DELETED = "Its answer was deleted."


@dataclass(frozen=True)
class Cell:
    """One photo by one column. `predictions` are the best few, best first; empty without an answer.

    `state` is a job's, or "" where there is none. `job_id` is the job whose page says more.
    """

    column: int
    state: str = ""
    error: str = ""
    job_id: str = ""
    predictions: Sequence[Mapping[str, Any]] = ()
    activation: Activation = Activation.SOFTMAX
    crop: Sequence[float] = ()
    image_size: int | None = None
    ms: float | None = None
    cost_micro_usd: int = 0
    is_right: bool | None = None

    @property
    def is_open(self) -> bool:
        return bool(self.state) and self.state not in FINAL

    @property
    def column_slice(self) -> str:
        # How a template finds the cell's column among the table's.
        return f"{self.column}:"

    @property
    def label(self) -> str:
        return str(self.predictions[0]["label"]) if self.predictions else ""

    @property
    def score(self) -> float:
        return float(self.predictions[0]["score"])

    @property
    def score_words(self) -> str:
        return short(self.score)

    @property
    def width(self) -> float:
        return max(100 * self.score, MIN_BAR_PERCENT)

    @property
    def second(self) -> Mapping[str, Any] | None:
        return self.predictions[1] if len(self.predictions) > 1 else None

    @property
    def second_words(self) -> str:
        if self.second is None:
            return ""
        return f"{self.second['label']} {short(self.second['score'])}"

    @property
    def is_near_tie(self) -> bool:
        if self.second is None:
            return False
        difference = self.predictions[0]["logit"] - self.second["logit"]
        return bool(difference < math.log(NEAR_TIE_ODDS))


def short(score: float) -> str:
    """A score in [0, 1] with one decimal, or with those that a tiny one needs.

    >>> short(0.937), short(0.99996), short(1.0), short(0.000003)
    ('93.7%', '>99.9%', '100%', '0.0003%')
    """
    if 0.999 < score < 1:
        return ">99.9%"
    return f"{100 * score:.1f}%" if 0.001 <= score <= 0.999 else score_text.percent(score)


def read(comparison: Comparison, *, predictions: int = 2) -> dict[int, list[Cell]]:
    """By photo, in the order of columns. A photo that is no picture has none."""
    answers = (
        ComparedAnswer.objects.filter(photo__comparison=comparison)
        .order_by("photo_id", "column")
        .values(
            "photo_id",
            "column",
            "missing",
            "job_id",
            state=Coalesce(F("job__state"), Value("")),
            error_code=F("job__error_code"),
            batch_size=F("job__batch_size"),
            cost=F("job__cost_micro_usd"),
            activation=KeyTextTransform("activation", "job__result"),
            image_size=KeyTextTransform("image_size", "job__result"),
            forward_ms=Cast(KeyTextTransform("forward_ms", "job__result"), FloatField()),
            crop=_json_path("$.rows[0].crop[*]"),
            predictions=_json_path(f"$.rows[0].predictions[0 to {predictions - 1}]"),
        )
    )
    cells: dict[int, list[Cell]] = {}
    for answer in answers:
        cells.setdefault(answer["photo_id"], []).append(_cell(answer))
    return cells


def _json_path(path: str) -> Func:
    return Func(
        F("job__result"),
        Cast(Value(path), output_field=_JsonPath()),
        function="jsonb_path_query_array",
        output_field=JSONField(),
    )


class _JsonPath(JSONField):
    # PostgreSQL's type of a path; text is not taken for one.
    def db_type(self, connection: object) -> str:
        return "jsonpath"

    cast_db_type = db_type


def _cell(answer: Mapping[str, Any]) -> Cell:
    state = answer["state"]
    return Cell(
        column=answer["column"],
        state=state,
        error=_error(answer),
        job_id=str(answer["job_id"] or ""),
        predictions=answer["predictions"] or (),
        activation=Activation(answer["activation"] or "softmax"),
        crop=answer["crop"] or (),
        image_size=int(answer["image_size"]) if answer["image_size"] else None,
        ms=_ms(answer) if state == State.SUCCEEDED else None,
        cost_micro_usd=answer["cost"] or 0,
    )


def _ms(answer: Mapping[str, Any]) -> float | None:
    # The forward pass is that of its whole batch.
    if answer["forward_ms"] is None or not answer["batch_size"]:
        return None
    return float(answer["forward_ms"]) / int(answer["batch_size"])


def _error(answer: Mapping[str, Any]) -> str:
    if answer["missing"]:
        return str(ComparedAnswer.Missing(answer["missing"]).label)
    if answer["job_id"] is None:
        return DELETED
    if answer["state"] == State.FAILED:
        return str(ErrorCode(answer["error_code"]).label)
    return "Canceled." if answer["state"] == State.CANCELLED else ""
