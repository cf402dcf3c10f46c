"""The cases of `make bench`, one after the other in every round."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from django.db import close_old_connections
from django.db.models.functions import Now

from bench.engine import decoding, idle_encoder, photos, stage, workers
from bench.engine.stage import Props
from inference.models import Job, Worker

CLIENTS = (1, 8, 32, 128)
WAITERS = 1000
PAGE_S = 6.0
HEARTBEAT_S = 3.0
NAP_MS = 100
ENGINES = ("postgres", "valkey-server")

# What one case figures: figures by name, as its process printed them.
Figures = dict[str, Any]


class LineServer:
    """A process that answers each line with one of JSON; it starts when it is first asked."""

    def __init__(self, *command: str, **environ: str) -> None:
        self._command = [sys.executable, *command]
        self._environ = environ
        self._process: subprocess.Popen[str] | None = None

    def ask(self, line: str) -> Figures:
        if self._process is None:
            self._process = self._started()
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018  opened below
        stdin.write(f"{line}\n")
        stdin.flush()
        answer = next((line for line in stdout if line.startswith("{")), "")
        if not answer:
            raise RuntimeError(f"{' '.join(self._command)} ended")
        figures: Figures = json.loads(answer)
        return figures

    def close(self) -> None:
        if self._process:
            self._process.communicate(timeout=60)

    def _started(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self._command,
            env=os.environ | self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


@dataclass(frozen=True)
class Site:
    """`workers`: those that a case is about."""

    port: int
    web: psutil.Process
    workers: Sequence[psutil.Process]
    props: Props

    def cpu_s(self) -> dict[str, float]:
        """Processor time so far; PostgreSQL counts its sessions that have ended as its own."""
        workers_s = sum(map(_cpu_s, (*self.workers, *self._decoders())))
        spent_s = {"web": _cpu_s(self.web), "worker": workers_s} | dict.fromkeys(ENGINES, 0.0)
        for engine in psutil.Process(os.getppid()).children():
            if engine.name() in ENGINES:  # there are two of Valkey
                spent_s[engine.name()] += _cpu_s(engine) + sum(map(_cpu_s, engine.children()))
        return spent_s

    def memory_mb(self) -> dict[str, float]:
        """Of the processes themselves; decoders are counted apart, as they share most of theirs."""
        decoders = self._decoders()
        return {
            "web_mb": self.web.memory_info().rss / 1e6,
            "worker_mb": max(worker.memory_info().rss for worker in self.workers) / 1e6,
            "decoders_mb": sum(decoder.memory_info().rss for decoder in decoders) / 1e6,
        }

    def _decoders(self) -> list[psutil.Process]:
        return [child for worker in self.workers for child in worker.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    try:
        spent = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(spent.user + spent.system + spent.children_user + spent.children_system)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What clients send, and the workers that are started for it; those of SERVED are there."""

    clients: int
    images: int = 1
    path: str = "/v1/embeddings"
    model: str = stage.SERVED
    workers: int = 1
    environ: Mapping[str, str] = field(default_factory=dict)


INT8 = Load(clients=1, model=stage.INT8, environ={"PRECISION": "int8"})
IDLE = Load(clients=1, model=stage.IDLE, environ={"BENCH_IDLE_ENCODER": "1"})
NAPS = Load(
    clients=1,
    model=stage.NAPPING,
    environ={"BENCH_IDLE_ENCODER": "1", idle_encoder.SLEEP_MS: str(NAP_MS)},
)
LOADS: Mapping[str, Load] = {
    **{f"served, {n} client{'s' * (n > 1)}": Load(clients=n) for n in CLIENTS},
    "served, 32 clients, 10 cached labels": Load(clients=32, path="/v1/classify"),
    "served, 1 client, 10 cached labels": Load(clients=1, path="/v1/classify"),
    "served, 64 images a request, 2 clients": Load(clients=2, images=64),
    "int8, 1 client": replace(INT8, clients=1),
    "int8, 32 clients": replace(INT8, clients=32),
    "no forward pass, 1 client": IDLE,
    "no forward pass, 32 clients": replace(IDLE, clients=32),
    "no forward pass, 64 images a request": replace(IDLE, clients=2, images=64),
    "one worker that sleeps 100 ms an image": replace(NAPS, clients=32),
    "two workers that sleep 100 ms an image": replace(NAPS, clients=32, workers=2),
}


@dataclass(frozen=True)
class Cases:
    site: Site
    bare: Sequence[LineServer]
    direct: LineServer
    seconds: float

    def by_name(self) -> dict[str, Callable[[], Figures]]:
        return {
            "bare, batch 16": lambda: self._bare(16),
            "bare, batch 1": lambda: self._bare(1),
            "worker called directly": lambda: self.direct.ask(str(round(self.seconds * 24))),
            "decoding alone": self._decoding,
        } | {name: partial(self._serving, load) for name, load in LOADS.items()}

    def _bare(self, pictures: int) -> Figures:
        """The better of its two ways of waiting: on a noisy machine that is not always the same."""
        answers = [process.ask(f"{pictures} {self.seconds / 2}") for process in self.bare]
        return max(answers, key=lambda answer: answer["images_per_s"])

    def _decoding(self) -> Figures:
        """With nothing else to do: the most that any pipeline can feed from these cores."""
        return decoding.measure(photos.read(self.site.props.photos), seconds=self.seconds)

    def _serving(self, load: Load) -> Figures:
        if load.model == stage.SERVED:
            return self._under(load, self.site)
        with workers.serving(load.model, load.environ, count=load.workers) as started:
            return self._under(load, replace(self.site, workers=started))

    def _under(self, load: Load, site: Site) -> Figures:
        before_s = site.cpu_s()
        figures: Figures = json.loads(
            _clients(
                site,
                *("--clients", str(load.clients), "--images", str(load.images)),
                *("--path", load.path, "--seconds", str(self.seconds), "--model", load.model),
            )
        )
        spent_s = {name: cpu_s - before_s[name] for name, cpu_s in site.cpu_s().items()}
        parts = {name: 1000 * s / max(figures["all_images"], 1) for name, s in spent_s.items()}
        figures |= {"cpu_ms": sum(parts.values()), "cpu_ms_by_process": parts}
        return figures | site.memory_mb()


def _clients(site: Site, *options: str) -> str:
    done = subprocess.run(
        _command(site, site.props.photos, *options),
        input=site.props.key,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout


def _command(site: Site, folder: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "bench.engine.clients", "--port", str(site.port)]
    return [*command, "--folder", str(folder), *options]


def page_beside_waiters(site: Site) -> Figures:
    """The model page's p95 with nobody there, and while a thousand requests wait for an answer."""
    idle = _page_ms(site)
    with _announced(stage.SILENT), _held(site):
        time.sleep(1.0)  # what submitting has left to do is not what waiting costs
        loaded = _page_ms(site)
        memory = site.memory_mb()
    return {
        "waiting": WAITERS,
        "idle_p50_ms": idle["p50_ms"],
        "idle_p95_ms": idle["p95_ms"],
        "loaded_p50_ms": loaded["p50_ms"],
        "loaded_p95_ms": loaded["p95_ms"],
        "ratio_p95": loaded["p95_ms"] / idle["p95_ms"],
        **memory,
    }


def _page_ms(site: Site) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.pages.visitor", str(site.port), stage.PAGE, str(PAGE_S)]
    done = subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@contextmanager
def _held(site: Site) -> Iterator[None]:
    command = _command(
        site,
        site.props.small_photos,
        "--clients",
        str(WAITERS),
        "--hold",
        "--path",
        "/v1/embeddings",
        "--model",
        stage.SILENT,
    )
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None  # noqa: S101  opened above
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(f"{site.props.key}\n")
    process.stdin.flush()
    process.stdout.readline()
    _wait_for_jobs()
    yield
    process.communicate(timeout=60)


def _wait_for_jobs() -> None:
    end = time.monotonic() + 60
    queued = Job.objects.queued().filter(card__repo=stage.SILENT)
    while queued.count() < WAITERS:
        if time.monotonic() > end:
            raise RuntimeError(f"only {queued.count()} of {WAITERS} requests wait")
        time.sleep(0.3)


@contextmanager
def _announced(repo: str) -> Iterator[None]:
    """A worker that lives by its heartbeat, and never answers."""
    stopped = threading.Event()

    def beat() -> None:
        while True:
            Worker.objects.update_or_create(
                name="silent",
                defaults={"pid": 1, "device": "cpu", "repos": [repo], "seen_at": Now()},
            )
            close_old_connections()
            if stopped.wait(HEARTBEAT_S):
                return

    thread = threading.Thread(target=beat)
    thread.start()
    time.sleep(0.5)
    yield
    stopped.set()
    thread.join()
    Worker.objects.filter(name="silent").delete()
