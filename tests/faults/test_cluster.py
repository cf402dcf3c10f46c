"""Two machines with a network between them, each cut off under load."""

import os
import shutil
import subprocess
import sys

import pytest
from django.conf import settings

from bench.cluster import network
from tests.faults.house import only_long


@only_long("takes minutes")
@pytest.mark.processes
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(network.missing()), reason="needs root, iproute2 and util-linux")
@pytest.mark.skipif(not shutil.which("caddy"), reason="needs Caddy")
def test_a_machine_that_is_cut_off_loses_no_job() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.cluster", "--jobs", "200", "--cut-s", "15"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "0 lost, 0 charged twice" in done.stdout
