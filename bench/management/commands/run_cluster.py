"""`manage.py run_cluster`: what `make cluster` runs, engines up and empty."""

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from threading import Thread

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from bench.abuse.stage import issue_key
from bench.cluster import machines, servers
from bench.cluster.machines import MODEL, OTHER, Cluster
from bench.cluster.network import Network
from bench.faults import campaign, transitions
from bench.faults.breakages import wait_for
from bench.faults.campaign import Report
from bench.faults.load import Client, Record, sell, send_all
from bench.servers import free_port
from inference.models import Job, Worker

PAYERS = 4
PAID_USD = "1000"
# How much of the load is sent before each machine is cut off.
CUT_AFTER = (0.2, 0.6)


class Command(BaseCommand):
    help = "Pay for many jobs on two machines, cut each off for a while, and audit the ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--jobs", type=int, default=1000, help="how many are paid for")
        parser.add_argument("--cut-s", type=float, default=30.0, help="how long each is cut off")
        parser.add_argument("--clients", type=int, default=8, help="that send at once")
        parser.add_argument("--seed", type=int, default=1, help="of what they send")

    def handle(
        self, *, jobs: int, cut_s: float, clients: int, seed: int, **options: object
    ) -> None:
        record, report = Record(), Report()
        with _cluster() as (cluster, address), transitions.noted():
            keys = [issue_key(f"payer-{number}@lab.example", PAID_USD) for number in range(PAYERS)]
            senders = [
                Client(
                    address,
                    keys[number % PAYERS],
                    (MODEL, OTHER)[number % 4 == 3],
                    record,
                    seed=seed * 1000 + number,
                )
                for number in range(clients)
            ]
            began_s = time.monotonic()
            self._load(cluster, senders, jobs, cut_s=cut_s, record=record)
            report.took_s = time.monotonic() - began_s
            campaign.audit(report, record)
            answers = self._answers(cluster)
        self._write(report, answers)
        if report.breaches or report.accepted != jobs:
            raise SystemExit(1)

    def _load(
        self, cluster: Cluster, senders: list[Client], jobs: int, *, cut_s: float, record: Record
    ) -> None:
        threads = send_all(senders, jobs, record=record, until=lambda: False)
        for share, machine in zip(CUT_AFTER, reversed(cluster.machines), strict=True):
            while len(record.accepted) < share * jobs and any(map(Thread.is_alive, threads)):
                time.sleep(0.05)
            accepted = len(record.accepted)
            with machine.cut_off():
                time.sleep(cut_s)
            meanwhile = len(record.accepted) - accepted
            self._say(f"{machine.name} was cut off for {cut_s:.0f} s; {meanwhile} jobs meanwhile")
        for thread in threads:
            thread.join()
        campaign.settle()

    def _answers(self, cluster: Cluster) -> dict[str, Counter[str]]:
        """How many jobs each machine took in and computed."""
        names = Job.objects.exclude(worker="").values_list("worker", flat=True)
        return {
            "computed": Counter(name.partition("-")[0] for name in names),
            "web": Counter(
                {
                    machine.name: (cluster.folder / f"{machine.name}-web.log")
                    .read_text(errors="replace")
                    .count('"POST /v1/classify')
                    for machine in cluster.machines
                }
            ),
        }

    def _write(self, report: Report, answers: dict[str, Counter[str]]) -> None:
        told = ", ".join(f"{count} x {what}" for what, count in report.statuses.most_common())
        self.stdout.write(f"clients were told: {told}")
        for what, counts in answers.items():
            parts = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            self.stdout.write(f"{what}: {parts}")
        self.stdout.writelines(f"BREACH {breach}\n" for breach in report.breaches)
        self.stdout.write(report.summary())

    def _say(self, line: str) -> None:
        self.stderr.write(line)


@contextmanager
def _cluster() -> Iterator[tuple[Cluster, str]]:
    """And the proxy's address, once all three workers have loaded their models."""
    folder = settings.DATA_DIR / "machines"
    folder.mkdir()
    with Network("gr") as network, servers.stores(network.address) as shared:
        _prepare()
        with machines.running(network, folder, shared) as cluster:
            port = free_port()
            with servers.proxy(network.address, port, cluster.webs, folder):
                wait_for(_are_up, "three workers")
                yield cluster, f"http://{network.address}:{port}"


def _are_up() -> bool:
    served = [
        repo for repos in Worker.objects.alive().values_list("repos", flat=True) for repo in repos
    ]
    return Counter(served) >= Counter({MODEL: 2, OTHER: 1})


def _prepare() -> None:
    call_command("migrate", verbosity=0)
    call_command("load_catalog", stdout=StringIO())
    call_command("collectstatic", interactive=False, verbosity=0)
    sell(MODEL, OTHER)
    connection.close()
