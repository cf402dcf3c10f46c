"""Runs several processes as one: ordered start, restart after a crash, and a stop that leaves none.

Errors: `ChildFailed`, when a process does not come up or a step fails.

    async def site(supervisor: Supervisor) -> int:
        await supervisor.start(Child(name="web", command=["uvicorn", "config.asgi:application"]))
        return await supervisor.until_asked_to_stop()

    sys.exit(supervise(site))
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn, TextIO

from devserver.console import Console
from devserver.guard import Guard, signal_group
from devserver.processes import Child, spawn

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
HEALTHY_AFTER_S = 30.0


class ChildFailed(Exception):
    pass


@dataclass(kw_only=True)
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    output: asyncio.Task[None]
    since_s: float = field(default_factory=time.monotonic)
    keeper: asyncio.Task[NoReturn] | None = None


class Supervisor:
    """Children in the order they were started; `stop` ends them in the reverse order."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._guard = Guard()
        self._running: list[_Running] = []

    async def start(self, child: Child) -> None:
        """Start a child, wait until it is ready, and restart it from then on.

        Raises `ChildFailed` if it ends before it is ready or takes too long.
        """
        running = await self._launch(child)
        self._running.append(running)
        await self._until_ready(running)
        running.keeper = asyncio.create_task(self._keep_up(running))

    async def finish(self, child: Child) -> None:
        """Run a child to its end. Raises `ChildFailed` if that is not exit status 0."""
        running = await self._launch(child)
        self._running.append(running)
        status = await running.process.wait()
        self._running.remove(running)
        await self._clear_away(running)
        if status:
            raise ChildFailed(f"{child.name} failed with exit status {status}; see its lines above")

    async def until_asked_to_stop(self) -> int:
        # Wait for Ctrl-C, TERM or a hang-up, which end this wait by cancelling it.
        await asyncio.Event().wait()
        return 0

    async def stop(self) -> None:
        while self._running:
            await self._stop(self._running[-1])
            self._running.pop()
        self._guard.close()

    def kill(self) -> None:
        # Second Ctrl-C: nobody is asked any more.
        for running in self._running:
            signal_group(running.process.pid, signal.SIGKILL)

    async def _launch(self, child: Child) -> _Running:
        process, reader = await spawn(child)
        self._guard.watch(process.pid, child.stop_signal)
        output = asyncio.create_task(self._show(child, reader))
        return _Running(child=child, process=process, output=output)

    async def _show(self, child: Child, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # longer than the reader's limit, which drops it
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if child.mute is None or child.mute not in text:
                self.console.say(text, name=child.name)

    async def _until_ready(self, running: _Running) -> None:
        child = running.child
        give_up_at = running.since_s + child.ready_timeout_s
        while child.ready and not await child.ready():
            if running.process.returncode is not None:
                status = running.process.returncode
                raise ChildFailed(f"{child.name} stopped with exit status {status} while starting")
            if time.monotonic() > give_up_at:
                raise ChildFailed(f"{child.name} was not ready after {child.ready_timeout_s:g} s")
            await asyncio.sleep(0.05)

    async def _keep_up(self, running: _Running) -> NoReturn:
        pause_s = FIRST_PAUSE_S
        while True:
            status = await running.process.wait()
            await self._clear_away(running)
            if time.monotonic() - running.since_s > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self.console.say(
                f"{running.child.name} stopped with exit status {status}; "
                f"restarting in {pause_s:g} s"
            )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                again = await self._launch(running.child)
            except OSError as error:  # no process or no memory just now: the next round tries
                self.console.say(f"{running.child.name} could not be started: {error}")
                continue
            running.process, running.output = again.process, again.output
            running.since_s = again.since_s

    async def _stop(self, running: _Running) -> None:
        if running.keeper:
            running.keeper.cancel()
            await asyncio.wait({running.keeper})
        if running.process.returncode is None:
            with suppress(ProcessLookupError):
                running.process.send_signal(running.child.stop_signal)
        try:
            await asyncio.wait_for(running.process.wait(), running.child.stop_timeout_s)
        except TimeoutError:
            self.console.say(f"{running.child.name} did not stop when asked; killing it")
            signal_group(running.process.pid, signal.SIGKILL)
            await running.process.wait()
        await self._clear_away(running)

    async def _clear_away(self, running: _Running) -> None:
        # The process has ended: end what it may have left in its group, show its last lines.
        signal_group(running.process.pid, signal.SIGKILL)
        self._guard.forget(running.process.pid)
        await asyncio.wait({running.output}, timeout=1)
        running.output.cancel()


def supervise(
    main_task: Callable[[Supervisor], Awaitable[int]],
    *,
    out: TextIO = sys.stdout,
    stops_on_interrupt: bool = True,
) -> int:
    """Run a coroutine with a supervisor and return its exit status.

    Ctrl-C, TERM and a hang-up cancel it and stop its children: exit status 0.
    """
    return asyncio.run(_supervise(main_task, Console(out), stops_on_interrupt=stops_on_interrupt))


async def _supervise(
    main_task: Callable[[Supervisor], Awaitable[int]], console: Console, *, stops_on_interrupt: bool
) -> int:
    supervisor = Supervisor(console)
    task = asyncio.ensure_future(main_task(supervisor))
    _handle_signals(supervisor, task, stops_on_interrupt=stops_on_interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        return 0
    except ChildFailed as failure:
        console.say(str(failure))
        return 1
    finally:
        await supervisor.stop()


def _handle_signals(
    supervisor: Supervisor, task: "asyncio.Future[int]", *, stops_on_interrupt: bool
) -> None:
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if is_stopping:
            supervisor.kill()
        is_stopping = True
        task.cancel()

    loop = asyncio.get_running_loop()
    # A handler that does nothing, and not SIG_IGN, which the children would inherit.
    loop.add_signal_handler(signal.SIGINT, stop if stops_on_interrupt else lambda: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
