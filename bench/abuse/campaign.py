"""One attack after another, with the victim beside it."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from bench.abuse import far_hosts, pictures, stage, watch
from bench.abuse.attack import Attack, Outcome
from bench.abuse.stage import Attacker
from bench.abuse.verdict import Result, Seen
from bench.abuse.watch import Usage

SETTLE_S = 120.0
BATCHES = 3


@dataclass(frozen=True)
class Scene:
    """A site that runs; victims and attackers are new people each time."""

    port: int
    supervisor: psutil.Process
    model: str
    seconds: float
    batch_images: int
    is_short: bool = False

    def idle(self, *, by_url: bool) -> Seen:
        with self._victim(by_url=by_url) as seen:
            time.sleep(self.seconds)
        return Seen.of(seen)

    def batch_s(self) -> float:
        """How long a call of a whole batch takes, with nobody else there: a median."""
        image = {"image": pictures.data_url(pictures.small_photo(), "jpeg")}
        body = {"model": self.model, "input": [image] * self.batch_images}
        headers = {"Authorization": f"Bearer {stage.victims_key()}"}
        took_s = []
        for _ in range(BATCHES):
            began_s = time.perf_counter()
            response = httpx.post(
                f"http://127.0.0.1:{self.port}/v1/embeddings",
                json=body,
                headers=headers,
                timeout=60,
            )
            response.raise_for_status()
            took_s.append(time.perf_counter() - began_s)
        return sorted(took_s)[BATCHES // 2]

    def under(self, attack: Attack) -> Result:
        attacker = Attacker.new()
        began_s = time.perf_counter()
        with (
            watch.watched(self.supervisor) as usage,
            self._victim(by_url=attack.by_url) as victim,
        ):
            target = attacker.target(self.port, self.model, is_short=self.is_short)
            outcome = asyncio.run(attack.run(target))
            _settle(attacker, outcome)
            # A short attack is looked at as long as an idle site: what it leaves behind counts.
            time.sleep(max(0.0, self.seconds - (time.perf_counter() - began_s)))
        return _result(attack, outcome, Seen.of(victim), usage, attacker)

    @contextmanager
    def _victim(self, *, by_url: bool) -> Iterator[dict[str, Any]]:
        """Figures as the victim prints them, filled in when the block ends."""
        command = [sys.executable, "-m", "bench.abuse.victim", "--port", str(self.port)]
        command += ["--model", self.model]
        command += ["--url", far_hosts.good_url("cat")] if by_url else []
        figures: dict[str, Any] = {}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None  # noqa: S101  opened above
            assert process.stdout is not None  # noqa: S101
            process.stdin.write(f"{stage.victims_key()}\n")
            process.stdin.flush()
            process.stdout.readline()
            try:
                yield figures
            finally:
                printed, _ = process.communicate()
        figures |= json.loads(printed)


def _settle(attacker: Attacker, outcome: Outcome) -> None:
    """Wait until nothing of the attacker's is left to do."""
    end_s = time.monotonic() + SETTLE_S
    while count := attacker.open_jobs():
        if time.monotonic() > end_s:
            outcome.broken.append(f"{count} jobs had not ended after {SETTLE_S:.0f} s")
            return
        time.sleep(0.5)


def _result(
    attack: Attack, outcome: Outcome, victim: Seen, usage: Usage, attacker: Attacker
) -> Result:
    return Result(
        attack=attack,
        outcome=outcome,
        victim=victim,
        usage=usage,
        spent_micro_usd=attacker.spent_micro_usd(),
        jobs=attacker.ended_jobs(),
    )
