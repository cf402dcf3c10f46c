"""`make cluster`: two machines behind a proxy, paid jobs through both, each cut off for a while.

    python -m bench.cluster [--jobs 1000] [--cut-s 30] [--clients 8] [--seed 1]

Machines are network namespaces of this one, which needs root, iproute2 and Caddy: addresses, cables
and folders of their own, images in a bucket, and a database and a broker over TCP. Exit status 1: a
job was lost, charged twice, or something else does not hold that docs/faults.md lists.
"""

import shutil
import sys
from collections.abc import Sequence

from bench.cluster import network, servers
from bench.faults.__main__ import environment, on_own_engines
from bench.servers import free_port


def main(options: Sequence[str]) -> int:
    lacking = network.missing()
    if not shutil.which("caddy"):
        lacking.append("the program caddy")
    if lacking:
        sys.stderr.write(f"make cluster needs {', '.join(lacking)}\n")
        return 2
    environ = environment() | servers.bucket_settings(free_port())
    environ["DJANGO_SETTINGS_MODULE"] = "bench.cluster.settings"
    return on_own_engines("run_cluster", options, environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
