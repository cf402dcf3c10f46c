"""Decodes images in child processes: what a hostile file breaks is one of them, not the worker.

with Decoders(2) as decoders:
    crops = decoders.map(lambda decoder, data: decoder.decode(Task(data=data, ...)), files)

A child is started when it is needed, ends with its worker, and is replaced when it crashes, hangs
or takes more than its time. It has limits on memory and on a processor's seconds, an empty
environment, and no open file of ours but its socket.
"""

import json
import logging
import os
import pickle  # nosec B403
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import LifoQueue
from typing import Self, TypeVar

from inference.runtime.images.decoding import Damaged, Decoded, DecoderUnavailable, Task, TooCostly
from inference.runtime.images.pixel_room import PixelRoom

T = TypeVar("T")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[3]
# Where libraries are; nothing else of ours is a decoder's business.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
# Of all pictures that are decoded at once, for each decoder: no limit to photos of a good camera.
_ROOM_PIXELS = 30_000_000


@dataclass(frozen=True)
class Limits:
    """Of one image. 40 megapixels take 160 MB, WebP with alpha five times as much; measured on two
    cores, they take up to 1.5 s. `wall_s` is for a child that does not run at all.
    """

    memory_mb: int = 1000
    cpu_s: int = 6
    wall_s: int = 45


class _Crashed(Exception):
    pass


class Decoder:
    """One child process at a time; of use to one thread at a time."""

    def __init__(self, limits: Limits, room: PixelRoom) -> None:
        self._limits = limits
        self._room = room
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._is_ready = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def decode(self, task: Task) -> Decoded:
        """Raises DecodingError, and DecoderUnavailable. A child that crashes is started once more:
        somebody else may have taken the machine's memory.
        """
        width, height = task.size
        with self._room.taken(width * height):
            return self._decode(task)

    def start(self) -> None:
        if self._connection is None:
            self._start()

    def check(self) -> None:
        """Raises DecoderUnavailable if the child does not come up."""
        self._ready_connection()

    def close(self) -> None:
        connection, process = self._connection, self._process
        self._connection = self._process = None
        self._is_ready = False
        if connection and process:
            connection.close()
            process.kill()
            process.wait()

    def _decode(self, task: Task) -> Decoded:
        try:
            return self._ask(task)
        except _Crashed as error:
            log.warning("decoder crashed: %s", error)
        try:
            return self._ask(task)
        except _Crashed as error:
            raise Damaged(f"it crashes the decoder: {error}") from error

    def _ask(self, task: Task) -> Decoded:
        connection = self._ready_connection()
        try:
            connection.send_bytes(pickle.dumps(task))
            return self._answer(connection, task)
        except BlockingIOError as error:  # the socket's time limit
            self.close()
            raise TooCostly("it keeps the decoder from answering") from error
        except (EOFError, OSError, ValueError) as error:
            raise self._failure() from error

    def _ready_connection(self) -> Connection:
        try:
            connection = self._connection or self._start()
            if not self._is_ready:
                connection.recv_bytes(_MAX_ANSWER_BYTES)
        except (EOFError, OSError) as error:  # it may not be run, or could not import its libraries
            raise DecoderUnavailable(f"no decoder comes up: {self._failure()!r}") from error
        self._is_ready = True
        return connection

    def _answer(self, connection: Connection, task: Task) -> Decoded:
        head = json.loads(connection.recv_bytes(_MAX_ANSWER_BYTES))
        if head["error"]:
            raise (Damaged if head["is_damaged"] else TooCostly)(head["error"])
        crop = task.preprocessing.crop_of(connection.recv_bytes(_MAX_ANSWER_BYTES))
        return Decoded(crop, connection.recv_bytes(_MAX_ANSWER_BYTES), float(head["cpu_s"]))

    def _failure(self) -> Exception:
        process = self._process
        self.close()
        status = process.returncode if process else None
        if status == -signal.SIGXCPU:
            return TooCostly(f"it takes more than {self._limits.cpu_s} s to decode")
        return _Crashed(f"exit status {status}")

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        # Or a child that is stopped would keep a thread for ever, even while it is sent a task.
        limit = struct.pack("ll", self._limits.wall_s, 0)
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, limit)
        try:
            with theirs:
                self._process = _spawn(theirs.fileno(), self._limits)
        except OSError:
            ours.close()
            raise
        self._connection = Connection(ours.detach())
        return self._connection


def _spawn(fd: int, limits: Limits) -> "subprocess.Popen[bytes]":
    # Not multiprocessing: it would import the main module of a Celery worker into the child, and
    # a fork of a process with threads or CUDA is no child at all.
    arguments = map(str, (fd, limits.memory_mb, limits.cpu_s))
    return subprocess.Popen(
        [sys.executable, "-m", "inference.runtime.images.child", *arguments],
        cwd=_ROOT,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[fd],
    )


class Decoders:
    """`count` children, each asked by one thread at a time."""

    def __init__(self, count: int, limits: Limits | None = None) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="decode")
        room = PixelRoom(count * _ROOM_PIXELS)
        self._all = [Decoder(limits or Limits(), room) for _ in range(count)]
        # The last one used comes first: a child that is not needed is never started.
        self._free: LifoQueue[Decoder] = LifoQueue()
        for decoder in self._all:
            self._free.put(decoder)

    def start(self) -> None:
        """Start all children now, while nothing is decoded yet: the first images of a process would
        wait some tenths of a second for each.
        """
        for decoder in self._all:
            decoder.start()

    def check(self) -> None:
        """Wait until all have come up; raises DecoderUnavailable."""
        for decoder in self._all:
            decoder.check()

    def map(self, work: Callable[[Decoder, T], Result], items: Iterable[T]) -> list[Result]:
        """What `work` returns for each, in order; raises what the first that fails raises, when
        all have ended.
        """
        futures = self.submit(work, items)
        wait(futures)
        return [future.result() for future in futures]

    def submit(
        self, work: Callable[[Decoder, T], Result], items: Iterable[T]
    ) -> "list[Future[Result]]":
        return [self._threads.submit(self._run, work, item) for item in items]

    def close(self) -> None:
        self._threads.shutdown()
        for decoder in self._all:
            decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Callable[[Decoder, T], Result], item: T) -> Result:
        decoder = self._free.get()
        try:
            return work(decoder, item)
        finally:
            self._free.put(decoder)
