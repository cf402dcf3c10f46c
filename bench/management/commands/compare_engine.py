"""`manage.py compare_engine`: what `make bench` runs, engines up and the database empty."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand

from bench.engine import deep_queue, rounds, stage, verdict, workers
from bench.engine.rounds import Cases, LineServer, Site
from bench.engine.stage import Props
from bench.servers import running, web
from devserver import run
from devserver.guard import Guard


class Command(BaseCommand):
    help = "Measure the bare torch loop, the worker alone, and the whole served path."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--seconds", type=float, default=8.0, help="of load, a case and round")
        parser.add_argument("--only", default="", help="cases named so, or by parts: int8|bare")
        parser.add_argument("--no-waiting", action="store_true", help="skip the 1,000 waiters")
        parser.add_argument("--no-queue", action="store_true", help="skip the 100,000 queued jobs")

    def handle(
        self, *, json: bool, seconds: float, only: str, no_waiting: bool, **options: object
    ) -> None:
        count = int(str(options["rounds"]))
        props = stage.build()
        rounds_done = []
        with _site(props) as site, _line_servers(props) as (bare, direct):
            self._say(
                f"web {site.web.pid}, worker {site.workers[0].pid}, load {os.getloadavg()[0]:.1f}"
            )
            cases = Cases(site, bare, direct, seconds).by_name()
            for number in range(count):
                figures = {}
                for name, ask in cases.items():
                    if any(part in name for part in only.split("|")) or name == verdict.BARE:
                        figures[name] = ask()
                        self._say(f"round {number + 1}: {name}: {figures[name]}")
                rounds_done.append(figures)
            waiting = {} if no_waiting else rounds.page_beside_waiters(site)
            queue = {} if options["no_queue"] else deep_queue.measure()
        write = verdict.as_json if json else verdict.as_text
        self.stdout.write(write(rounds_done, waiting, queue))

    def _say(self, line: str) -> None:
        self.stderr.write(line)


@contextmanager
def _site(props: Props) -> Iterator[Site]:
    """Web, worker and beat, as `make run` has them."""
    with ExitStack() as stack:
        guard = Guard()
        stack.callback(guard.close)
        logs = settings.DATA_DIR
        port, web_process = stack.enter_context(web({}, logs / "web.log", guard))
        served = stack.enter_context(workers.serving(stage.SERVED, {}))
        beat = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "beat"]
        beat += ["--loglevel", "WARNING"]
        stack.enter_context(running(beat, run.CHECKED, logs / "beat.log", guard))
        yield Site(port, psutil.Process(web_process.pid), served, props)


@contextmanager
def _line_servers(props: Props) -> Iterator[tuple[list[LineServer], LineServer]]:
    loop = ["-m", "bench.engine.bare_loop", str(props.weights)]
    bare = [LineServer(*loop), LineServer(*loop, OMP_WAIT_POLICY="PASSIVE")]
    drain = ["manage.py", "drain_directly", stage.DIRECT, str(props.photos)]
    direct = LineServer(*drain, LOG_LEVEL="WARNING")  # its log would bury what is said here
    yield bare, direct
    for talker in (*bare, direct):
        talker.close()
