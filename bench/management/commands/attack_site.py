"""`manage.py attack_site`: what `make abuse` runs, engines up and the database empty."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bench.abuse import site
from bench.abuse.attack import Attack
from bench.abuse.attacks import ATTACKS
from bench.abuse.campaign import Scene
from bench.abuse.verdict import Report
from bench.engine import stage as engine_stage
from devserver import addresses


class Command(BaseCommand):
    help = "Attack a site of its own in every known way, and see what a victim notices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--only", default="", help="attacks by part of a name: png,slow")
        parser.add_argument("--short", action="store_true", help="as in `make test`: less of all")
        parser.add_argument("--list", action="store_true", help="name the attacks, and do nothing")
        parser.add_argument("--seconds", type=float, default=20.0, help="idle, and least an attack")

    def handle(self, *, json: bool, only: str, seconds: float, **options: object) -> None:
        parts = only.split(",")
        attacks = [attack for attack in ATTACKS if any(part in attack.name for part in parts)]
        if options["list"]:
            self.stdout.writelines(f"{attack.name:<18}  {attack.summary}\n" for attack in ATTACKS)
            return
        if not attacks:
            raise CommandError(f"No attack's name contains {only!r}: see --list.")
        with _scene(seconds, is_short=bool(options["short"])) as scene:
            report = self._run(scene, attacks)
        self.stdout.write(report.as_json() if json else report.as_text())
        if not report.holds:
            raise SystemExit(1)

    def _run(self, scene: Scene, attacks: Sequence[Attack]) -> Report:
        self.stderr.write(f"site at port {scene.port}, load {os.getloadavg()[0]:.1f}")
        batch_s = scene.batch_s()
        ways = sorted({attack.by_url for attack in attacks})
        idle = {by_url: scene.idle(by_url=by_url) for by_url in ways}
        results = []
        for attack in attacks:
            self.stderr.write(f"{attack.name}: {attack.summary}")
            results.append(scene.under(attack))
            self.stderr.write(f"  {results[-1].in_short()}")  # should the next one never end
        return Report(idle, batch_s, results)


@contextmanager
def _scene(seconds: float, *, is_short: bool) -> Iterator[Scene]:
    engine_stage.build()
    model = engine_stage.SERVED
    data_dir = settings.DATA_DIR / "site"
    data_dir.mkdir()
    with site.running(_variables(data_dir.as_posix(), model), settings.DATA_DIR / "site.log") as (
        port,
        pid,
    ):
        supervisor = psutil.Process(pid)
        yield Scene(port, supervisor, model, seconds, settings.BATCH_IMAGES, is_short)


def _variables(data_dir: str, model: str) -> dict[str, str]:
    """The engines are this command's; the site has a folder of its own beside them."""
    return {
        "DATA_DIR": data_dir,
        "MODEL_DIR": str(settings.MODEL_DIR),
        "MODELS": model,
        "DATABASE_URL": addresses.postgres_url(settings.DATA_DIR),
        "REDIS_URL": addresses.valkey_url(settings.DATA_DIR),
    }
