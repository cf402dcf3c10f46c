"""The kinds of job. Each is a folder of one shape; this registry is the only place that lists them.

request.py   the API's body, checked and turned into a job
run.py       what the worker does with the vectors
answer.py    the result as the API writes it
page.py      what the page of a job shows, with `result.html`
docs.html    its section of the documentation
snippets/    code to copy
answers/     what the snippets of `examples` printed for the stand-in, recorded by the tests

A kind's `payload` and `result` are plain JSON on the job's row that only the kind reads.
"""

from inference.kinds import classify, embed, rank
from inference.kinds.kind import Kind
from inference.models import Job, JobQuerySet

# In the order of the documentation. All that lists kinds asks here when it is called, not when it
# is imported: a test may add one.
KINDS: dict[str, Kind] = {kind.name: kind for kind in (embed.KIND, classify.KIND, rank.KIND)}
# The kind of jobs that are made up: of examples, and of a webhook's test event.
EXAMPLE = next(iter(KINDS))


def of(job: Job) -> Kind:
    """Raises KeyError for a row whose kind has been removed since: see `readable`."""
    return KINDS[job.kind]


def readable(jobs: JobQuerySet) -> JobQuerySet:
    """Without the rows of removed kinds, which nothing can show any more."""
    return jobs.filter(kind__in=list(KINDS))
