"""`make bench-pages`: a model page beside a constant, and a large catalog beside a small one.

Everything is measured in turns within one run, because machines are shared and noisy: read the
ratios, which come last. Wanted: a model page at least half the requests per second of a view that
returns a constant, on the same server; a filtered, sorted search among 10,000 cards at most three
times as long as among 200, both made anew. Where Chromium is installed, also what a slow phone
sees: the largest paint of each page within 1,200 ms, and no layout shift.

This file only puts engines of its own, in a folder that goes afterwards, under
`manage.py compare_pages`, which takes the options.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence


def main(options: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory(
        prefix="gigarouter-bench-", ignore_cleanup_errors=True
    ) as data_dir:
        command = [sys.executable, "-m", "devserver.services", "run", "--forgetful", "--"]
        command += [sys.executable, "manage.py", "compare_pages", *options]
        return subprocess.run(
            command, check=False, env=os.environ | environment(data_dir)
        ).returncode


def environment(data_dir: str) -> dict[str, str]:
    # A production site's, but without HTTPS. Empty values keep a developer's .env out.
    return {
        "DATA_DIR": data_dir,
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "TEXT_CACHE_URL": "",
        "CELERY_BROKER_URL": "",
        "DEBUG": "0",
        "HTTPS": "0",
        "SECRET_KEY": "bench-only-" + "x" * 50,
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
