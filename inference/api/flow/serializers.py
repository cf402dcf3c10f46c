"""A succeeded job as the API writes it. The same job and options give the same answer."""

from collections.abc import Callable
from typing import Any

from catalog.numbers.money import usd
from inference import kinds
from inference.kinds.fields import truncation
from inference.models import Job

# What JSON is made of.
Json = Any
Serializer = Callable[[Job], Json]


def native(job: Job) -> Json:
    answer = kinds.of(job).answer(job)
    warnings = [answer.get("warning"), truncation_warning(job)]
    if warning := " ".join(filter(None, warnings)):
        answer["warning"] = warning
    answer.setdefault("truncated", truncation.truncated(job))
    return answer | {"usage": usage(job)}


def truncation_warning(job: Job) -> str:
    return truncation.warning_of(job, kinds.of(job).name_of_text)


def usage(job: Job) -> dict[str, Json]:
    tokens = (job.result or {}).get("tokens", 0)
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "images": job.image_count,
        **kinds.of(job).usage(job),
        "cost": usd(job.cost_micro_usd or 0),
        "ledger_entry": job.hold_reference if job.is_paid else None,
    }


def runtime_ms(job: Job) -> int:
    if not (job.started_at and job.finished_at):
        return 0
    return round((job.finished_at - job.started_at).total_seconds() * 1000)
