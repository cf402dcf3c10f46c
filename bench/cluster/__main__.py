"""`make cluster`: two machines behind a proxy, paid jobs through both, each cut off for a while.

    python -m bench.cluster [--jobs 1000] [--cut-s 30] [--clients 8] [--seed 1]

Machines are network namespaces of this one, which needs root, iproute2 and Caddy: addresses, cables
and folders of their own, images in a bucket, and a database and a broker over TCP. Exit status 1: a
job was lost, charged twice, or something else does not hold that docs/faults.md lists.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from bench.cluster import network, servers
from bench.faults.__main__ import environment
from bench.servers import free_port


def main(options: Sequence[str]) -> int:
    lacking = network.missing()
    if not shutil.which("caddy"):
        lacking.append("the program caddy")
    if lacking:
        sys.stderr.write(f"make cluster needs {', '.join(lacking)}\n")
        return 2
    with tempfile.TemporaryDirectory(
        prefix="gigarouter-cluster-", ignore_cleanup_errors=True
    ) as data_dir:
        command = [sys.executable, "-m", "devserver.services", "run", "--"]
        command += [sys.executable, "manage.py", "run_cluster", *options]
        engines = {"DATA_DIR": data_dir, "DATABASE_URL": "", "REDIS_URL": "", "TEXT_CACHE_URL": ""}
        environ = os.environ | environment() | engines | {"CELERY_BROKER_URL": ""}
        environ |= servers.bucket_settings(free_port())
        environ["DJANGO_SETTINGS_MODULE"] = "bench.cluster.settings"
        return subprocess.run(command, check=False, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
