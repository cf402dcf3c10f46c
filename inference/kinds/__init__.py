"""The kinds of job. Each is a folder of one shape; this registry is the only place that lists them.

request.py   the API's body, checked and turned into a job
run.py       what the worker does with the vectors
answer.py    the result as the API writes it
page.py      what `result.html` beside it shows
snippets/    code to copy

A kind's `payload` and `result` are plain JSON on the job's row that only the kind reads.
"""

from inference.kinds import classify, embed
from inference.kinds.kind import Kind
from inference.models import Job

KINDS: tuple[Kind, ...] = (embed.KIND, classify.KIND)

_by_name = {kind.name: kind for kind in KINDS}


def of(job: Job) -> Kind:
    return _by_name[job.kind]
