"""A succeeded job as the API writes it. The same job and options give the same answer."""

from collections.abc import Callable
from typing import Any

from catalog.numbers.money import usd
from inference import kinds
from inference.kinds.fields import on_error, options, truncation
from inference.models import Job

# What JSON is made of.
Json = Any
Serializer = Callable[[Job], Json]


def native(job: Job) -> Json:
    answer = kinds.of(job).answer(job)
    if warning := warning_of(job):
        answer["warning"] = warning
    answer.setdefault("truncated", truncation.truncated(job))
    return answer | {"usage": usage(job)}


def warning_of(job: Job) -> str:
    """What the caller should know of a job that has succeeded, in sentences; "" for nothing."""
    kind = kinds.of(job)
    warnings = [
        *kind.warnings(job),
        truncation.warning_of(job, kind.name_of_text),
        on_error.warning_of(job),
        options.warning_of(job),
    ]
    return " ".join(filter(None, warnings))


def usage(job: Job) -> dict[str, Json]:
    tokens = (job.result or {}).get("tokens", 0)
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "images": job.image_count - len(on_error.unusable(job)),
        **kinds.of(job).usage(job),
        **cost(job),
        "ledger_entry": job.hold_reference if job.is_paid else None,
    }


def cost(job: Job) -> dict[str, Json]:
    # A number is what clients add up; a sum of many is exact only in the string.
    dollars = usd(job.cost_micro_usd or 0)
    return {"cost": float(dollars), "cost_usd": dollars}


def runtime_ms(job: Job) -> int:
    if not (job.started_at and job.finished_at):
        return 0
    return round((job.finished_at - job.started_at).total_seconds() * 1000)
