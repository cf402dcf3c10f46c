"""Where a job's time went, from its submission until its result was written.

    steps_of(job) -> [Step("queued", 12.0), Step("read", 8.5), Step("forward", 31.0), ...]

The database's clock gives the ends, the worker's stopwatch what lies between: what is left of the
run is the time in which scores were made and written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from catalog.numbers.formatting import SECOND_MS, duration
from inference.models import Job

# Below, a wait for the batch before is no step of its own.
LEAST_WAIT_MS = 1.0
MEANINGS = {
    "queued": "until a worker took it",
    "read": "images of its batch read and decoded",
    "waited": "for the batch before it, and for passes that failed",
    "forward": "forward pass of its batch",
    "no forward": "it needed none, for every text was cached",
    "written": "scores computed and written",
    "run": "on the worker",
}


@dataclass(frozen=True)
class Step:
    name: str
    ms: float
    meaning: str

    @property
    def duration(self) -> str:
        return duration(self.ms)


def _step(name: str, ms: float) -> Step:
    return Step(name, ms, MEANINGS[name])


def steps_of(job: Job) -> list[Step]:
    """Of a job that has succeeded, in the order of time; none before."""
    if job.result is None or job.started_at is None or job.finished_at is None:
        return []
    run_ms = _ms(job.started_at, job.finished_at)
    queued = _step("queued", _ms(job.created_at, job.started_at))
    if "read_ms" not in job.result:
        return [queued, _step("run", run_ms)]  # written before these were measured
    return [queued, *_of_run(job, job.result, run_ms)]


def _of_run(job: Job, result: Mapping[str, float], run_ms: float) -> list[Step]:
    read, wait, forward = result["read_ms"], result["wait_ms"], result["forward_ms"]
    needed_pass = job.image_count or result["texts_cached"] < len(set(job.text_inputs))
    # Two clocks: their difference must not become a negative time.
    written = max(run_ms - read - wait - forward, 0.0)
    return [
        *([_step("read", read)] if job.image_count else []),
        *([_step("waited", wait)] if wait >= LEAST_WAIT_MS else []),
        Step("forward", forward, MEANINGS["forward" if needed_pass else "no forward"]),
        _step("written", written),
    ]


def _ms(start: datetime, end: datetime) -> float:
    return max((end - start).total_seconds() * SECOND_MS, 0.0)
