"""`make bench`: the bare torch loop, our worker alone, and the whole served path, in one run.

The same fifty photos, weights of chance, one machine: read the ratios. Every request goes through
HTTP, a job row, a credit hold, Celery, the worker, and the capture in the ledger. PostgreSQL keeps
its promises here as on a site: nothing is made forgetful.

This file only puts engines of its own, in a folder that goes afterwards, under
`manage.py compare_engine`, which takes the options.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from bench.pages import __main__

# Limits that protect a site from what a benchmark does.
GENEROUS = {
    "API_SUBMITS_PER_MINUTE": "1000000",
    "API_SUBMITS_PER_MINUTE_ACCOUNT": "1000000",
    "API_IMAGES_PER_MINUTE": "1000000",
    "API_QUEUED_JOBS": "100000",
    "API_CALLS_IN_FLIGHT": "100000",
    "API_CALLS_IN_FLIGHT_ACCOUNT": "100000",
    "HUB_SYNC": "0",
    "FREE_CREDIT_USD": "0",
    "LOG_LEVEL": "INFO",
}


def main(options: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory(
        prefix="gigarouter-bench-", ignore_cleanup_errors=True
    ) as data_dir:
        command = [sys.executable, "-m", "devserver.services", "run", "--"]
        command += [sys.executable, "manage.py", "compare_engine", *options]
        environ = os.environ | __main__.environment(data_dir) | GENEROUS | {"MODEL_DIR": ""}
        return subprocess.run(command, check=False, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
