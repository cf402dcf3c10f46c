"""`make faults`: every fault once, the long way; `make faults ARGS=--campaign`: all mixed.

    python -m bench.faults -k f01                     pytest's options: the tests of tests/faults
    python -m bench.faults --campaign --jobs 10000    paid jobs through HTTP, killed beside them

Exit status 1: something of what must hold does not. The campaign has engines of its own, in a
folder that goes afterwards, under `manage.py break_site`, which takes its options.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

CAMPAIGN = "--campaign"


def main(options: Sequence[str]) -> int:
    if CAMPAIGN in options:
        rest = [option for option in options if option != CAMPAIGN]
        return on_own_engines("break_site", rest, environment())
    command = [sys.executable, "-m", "pytest", "tests/faults", "-p", "no:randomly", *options]
    return subprocess.run(command, check=False, env=os.environ | {"FAULTS": "long"}).returncode


def on_own_engines(command: str, options: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs a command of manage.py; its exit status. Engines and folder go afterwards."""
    with tempfile.TemporaryDirectory(prefix="gigarouter-", ignore_cleanup_errors=True) as data_dir:
        # Not `--forgetful`: who kills a database may ask it to remember what it has committed.
        words = [sys.executable, "-m", "devserver.services", "run", "--"]
        words += [sys.executable, "manage.py", command, *options]
        engines = {"DATA_DIR": data_dir, "DATABASE_URL": "", "REDIS_URL": "", "TEXT_CACHE_URL": ""}
        engines["CELERY_BROKER_URL"] = ""
        whole = os.environ | dict(environ) | engines
        return subprocess.run(words, check=False, env=whole).returncode


def environment() -> dict[str, str]:
    """A production site's, but for limits that are there to stop what this load is."""
    return {
        "DJANGO_SETTINGS_MODULE": "bench.faults.settings",
        "DEBUG": "0",
        "HTTPS": "0",
        "SECRET_KEY": "bench-only-" + "x" * 50,
        "ALLOWED_HOSTS": "127.0.0.1",
        "EMAIL_URL": "",
        "HUB_SYNC": "0",
        "GR_FAULTS": "",
        "PYTHONUNBUFFERED": "1",
        "API_SUBMITS_PER_MINUTE": "1000000",
        "API_SUBMITS_PER_MINUTE_ACCOUNT": "1000000",
        "API_IMAGES_PER_MINUTE": "1000000",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
