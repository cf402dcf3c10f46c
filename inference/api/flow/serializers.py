"""A succeeded job as the API writes it. The same job and options give the same answer."""

import re
from collections.abc import Callable
from typing import Any

from catalog.numbers.money import usd
from inference import kinds
from inference.models import Job

# What JSON is made of.
Json = Any
Serializer = Callable[[Job], Json]


def native(job: Job) -> Json:
    return kinds.of(job).answer(job) | {"usage": usage(job)}


def usage(job: Job) -> dict[str, Json]:
    # Tokens are words and marks: an estimate for clients that want a number. None is billed.
    kind = kinds.of(job)
    tokens = sum(map(_tokens, kind.texts(job)))
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "images": job.image_count,
        **kind.usage(job),
        "cost": usd(job.cost_micro_usd or 0),
        "ledger_entry": job.hold_reference if job.is_paid else None,
    }


def _tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def runtime_ms(job: Job) -> int:
    if not (job.started_at and job.finished_at):
        return 0
    return round((job.finished_at - job.started_at).total_seconds() * 1000)
