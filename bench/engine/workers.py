"""Workers of one model for as long as a case lasts."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import psutil
from django.conf import settings

from bench.servers import Process, running, wait_for
from devserver.guard import Guard
from inference.models import Worker

# The first start of a model exports it.
PATIENCE_S = 900.0


@contextmanager
def serving(
    repo: str, environ: Mapping[str, str], *, count: int = 1
) -> Iterator[Sequence[psutil.Process]]:
    """Raises `NotUp`. Their logs are beside the site's."""
    with ExitStack() as stack:
        guard = Guard()
        stack.callback(guard.close)
        started = []
        for number in range(count):
            log = settings.DATA_DIR / f"worker-{repo.replace('/', '-')}-{number}.log"
            command = [sys.executable, "manage.py", "run_worker", "--models", repo]
            worker = stack.enter_context(running(command, environ, log, guard))
            wait_for(partial(_is_serving, worker, repo), worker, log, patience_s=PATIENCE_S)
            started.append(psutil.Process(worker.pid))
        yield started


def _is_serving(worker: Process, repo: str) -> bool:
    alive = Worker.objects.alive().filter(pid=worker.pid)
    return any(repo in row.repos for row in alive)
