"""The site's processes on two machines: on each a web process, a worker and what keeps house.

m1 serves MODEL; m2 serves it as well, and OTHER. They share no folder.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from bench.cluster.network import Machine, Network

MODEL = "gigarouter/conse-demo"
OTHER = "gigarouter/conse-demo-small"
WEB_PORT = 8000
_CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "config")
_THREADS = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle")


@dataclass
class Cluster:
    network: Network
    folder: Path
    shared: Mapping[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def machines(self) -> Sequence[Machine]:
        return self.network.machines

    @property
    def webs(self) -> list[str]:
        return [f"{machine.address}:{WEB_PORT}" for machine in self.machines]

    def start(self, machine: Machine, models: Sequence[str]) -> None:
        python = sys.executable
        self._run(machine, "web", python, "-m", "config.server", "--host", machine.address)
        self._run(machine, "beat", *_CELERY, "beat")
        for name, queues in (("house", "mail,house"), ("fetch", "fetch,webhooks")):
            words = ("worker", "-Q", queues, "--hostname", f"{name}@%h")
            self._run(machine, name, *_CELERY, *words, *_THREADS)
        for number, model in enumerate(models):
            self._run(machine, f"worker{number}", python, "manage.py", "run_worker", models=model)

    def _run(self, machine: Machine, name: str, *command: str, models: str = "") -> None:
        data_dir = self.folder / machine.name
        data_dir.mkdir(exist_ok=True)
        environ = dict(self.shared) | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATA_DIR": str(data_dir),
            "STATIC_DIR": str(settings.STATIC_ROOT),  # as an image of the container has it
            "PORT": str(WEB_PORT),
            "ALLOWED_HOSTS": ",".join([self.network.address, *(m.address for m in self.machines)]),
            "TRUSTED_PROXIES": f"{self.network.address}/32",
            "MODELS": models,
        }
        log = self.folder / f"{machine.name}-{name}.log"
        self.processes.append(machine.popen(command, environ=environ, log=log))

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def running(network: Network, folder: Path, shared: Mapping[str, str]) -> Iterator[Cluster]:
    cluster = Cluster(network, folder, shared)
    first, second = network.add("m1"), network.add("m2")
    try:
        cluster.start(first, [MODEL])
        cluster.start(second, [MODEL, OTHER])
        yield cluster
    finally:
        cluster.stop()
