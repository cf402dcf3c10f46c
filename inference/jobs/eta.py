"""Where a queued job stands, and when it will be done: a range from what workers measure now.

    eta_of(job) -> Eta(low_s=0.4, high_s=1.9), or None: nobody can know

Low: the images up to and with this job's, at the rate at which living workers of its model do
images now. High: half as much again, with what runs now, with the other models that the same
workers have to serve first, and with the time in which a message may wait to be read.
None where no living worker of the model has done a batch yet, so that no rate is known, and for a
job that already took longer than anything here explains.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from inference.models import Job, JobQuerySet, State, Worker

SPREAD = 1.5  # rates move, and a flow's first job goes before the many of another flow
MINUTE_S = 60
WAKING_S = 1.0  # between a commit and the first look at the queue, on a busy machine
# A job without images costs something, too: counted like one image.
WORK = Coalesce(Sum(Greatest(F("image_count"), 1)), 0)


@dataclass(frozen=True)
class Eta:
    """Seconds from now until the job's end, at least and at most."""

    low_s: float
    high_s: float

    @property
    def words(self) -> str:
        """`1 to 4 seconds`, `2 to 5 minutes`: as fine as such a figure may be told."""
        if self.high_s < 2 * MINUTE_S:
            return _range(math.floor(self.low_s), math.ceil(self.high_s), "second")
        low, high = math.floor(self.low_s / MINUTE_S), math.ceil(self.high_s / MINUTE_S)
        return _range(low, high, "minute")


def _range(low: int, high: int, unit: str) -> str:
    amount = f"{low} to {high}" if low < high else f"{high}"
    return f"{amount} {unit}{'' if amount == '1' else 's'}"


@dataclass(frozen=True)
class Position:
    ahead: int = 0
    eta: Eta | None = None


@dataclass(frozen=True)
class Pace:
    rates: Mapping[str, float]
    neighbours: Mapping[str, set[str]]

    @classmethod
    def of(cls, workers: Iterable[Worker]) -> "Pace":
        rates: dict[str, float] = {}
        neighbours: dict[str, set[str]] = {}
        for worker in workers:
            for repo, rate in worker.images_per_s.items():
                rates[repo] = rates.get(repo, 0.0) + rate
                neighbours.setdefault(repo, set()).update(set(worker.repos) - {repo})
        return cls(rates, neighbours)


def eta_of(job: Job) -> Eta | None:
    return position_of(job).eta


def position_of(job: Job) -> Position:
    """Four queries at most, all on what is queued or runs; none for a job that has ended."""
    match job.state:
        case State.QUEUED:
            return _position_in_queue(job)
        case State.RUNNING:
            return Position(eta=_eta_of_running(job))
    return Position()


def _position_in_queue(job: Job) -> Position:
    first = Job.objects.queued().interactive().filter(card=job.card_id).before(job)
    ahead = first.order_by().aggregate(jobs=Count("pk"), work=WORK)
    return Position(ahead["jobs"], _eta_of_queued(job, ahead["work"]))


def _eta_of_queued(job: Job, ahead: int) -> Eta | None:
    repo = job.card.repo
    pace = Pace.of(Worker.objects.alive())
    rate = pace.rates.get(repo)
    if not rate:
        return None
    others_s = _seconds_for(pace, sorted(pace.neighbours[repo]))
    if others_s is None:
        return None
    until_done = ahead + max(job.image_count, 1)
    running = _work_of(Job.objects.running().filter(card=job.card_id))
    high_s = SPREAD * (until_done + running) / rate + others_s + WAKING_S
    return Eta(round(until_done / rate, 1), round(high_s, 1))


def _seconds_for(pace: Pace, repos: Sequence[str]) -> float | None:
    """What waits for these models, at their own rates; None if one of those is not known."""
    if not repos:
        return 0.0
    queued = Job.objects.queued().interactive().filter(card__repo__in=repos).order_by()
    work_by_repo = queued.values_list("card__repo").annotate(work=WORK)
    total_s = 0.0
    for repo, work in work_by_repo:
        rate = pace.rates.get(repo)
        if not rate:
            return None
        total_s += work / rate
    return total_s


def _eta_of_running(job: Job) -> Eta | None:
    """Its batch began at `started_at`, and makes its own pace."""
    rate = Pace.of(Worker.objects.alive().filter(name=job.worker)).rates.get(job.card.repo)
    if not rate or job.started_at is None:
        return None
    batch = _work_of(Job.objects.running().filter(lease_token=job.lease_token))
    # Twice: the batch before may still be computed, while this one is decoded.
    most_s = 2 * SPREAD * batch / rate + WAKING_S
    remaining_s = most_s - (timezone.now() - job.started_at).total_seconds()
    return Eta(0.0, round(remaining_s, 1)) if remaining_s > 0 else None


def _work_of(jobs: JobQuerySet) -> int:
    return int(jobs.order_by().aggregate(work=WORK)["work"])
