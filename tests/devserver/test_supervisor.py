"""The supervisor with real processes: small Python children that crash, refuse and print."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from devserver.processes import Child
from devserver.supervisor import Supervisor
from devserver.supervisor import supervise as run

pytestmark = pytest.mark.processes

SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); " + SLEEP
# A child with a child of its own, such as Celery with its beat.
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"

STORY = """
import sys
from devserver.processes import Child
from devserver.supervisor import supervise

async def story(supervisor):
    for name, code in zip(sys.argv[1::2], sys.argv[2::2]):
        command = [sys.executable, "-c", code]
        stop_timeout_s = 60 if name == "patient" else 1
        await supervisor.start(Child(name=name, command=command, stop_timeout_s=stop_timeout_s))
    supervisor.console.say("started")
    return await supervisor.until_asked_to_stop()

sys.exit(supervise(story))
"""

Supervised = subprocess.Popen[str]
Supervise = Callable[..., Supervised]


def read_until(supervised: Supervised, text: str) -> list[str]:
    """The lines up to the first that contains the text; pytest-timeout ends a wait in vain."""
    lines: list[str] = []
    assert supervised.stdout
    for line in supervised.stdout:
        lines.append(line.rstrip())
        if text in line:
            return lines
    raise AssertionError(f"{text!r} is not in {lines}")


def descendants(supervised: Supervised) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(supervised.pid).children(recursive=True)
    return found


def assert_all_gone(processes: list[psutil.Process], within_s: float = 10) -> None:
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    """Supervise children given as `name=code`; whoever is left after the test is killed."""
    started: list[Supervised] = []

    def supervise(**children: str) -> Supervised:
        arguments = [part for child in children.items() for part in child]
        supervised = subprocess.Popen(
            [sys.executable, "-c", STORY, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(supervised)
        return supervised

    yield supervise
    for supervised in started:
        if supervised.poll() is None:
            supervised.kill()
        supervised.communicate()


def test_each_line_begins_with_the_name_of_its_writer(supervise: Supervise) -> None:
    supervised = supervise(web="print('hello'); " + SLEEP)

    assert "web      | hello" in read_until(supervised, "hello")


def test_a_crashed_child_is_restarted_and_it_is_said(supervise: Supervise) -> None:
    supervised = supervise(worker=SLEEP)
    read_until(supervised, "started")
    worker = next(child for child in descendants(supervised) if SLEEP in child.cmdline())

    worker.kill()

    lines = read_until(supervised, "restarting")
    assert lines[-1] == "worker stopped with exit status -9; restarting in 0.5 s"
    time.sleep(1)
    assert any(SLEEP in child.cmdline() for child in descendants(supervised))


def test_the_pause_grows_while_a_child_keeps_crashing(supervise: Supervise) -> None:
    supervised = supervise(worker="raise SystemExit(3)")

    first = read_until(supervised, "restarting")[-1]
    second = read_until(supervised, "restarting")[-1]
    third = read_until(supervised, "restarting")[-1]

    assert first == "worker stopped with exit status 3; restarting in 0.5 s"
    assert second.endswith("restarting in 1 s")
    assert third.endswith("restarting in 2 s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_with_status_0(
    supervise: Supervise, number: signal.Signals
) -> None:
    supervised = supervise(web=SLEEP, worker=PARENT)
    read_until(supervised, "started")
    everything = descendants(supervised)

    supervised.send_signal(number)

    assert supervised.wait(timeout=10) == 0
    assert_all_gone(everything, within_s=1)


def test_children_stop_in_the_reverse_order_of_their_start(supervise: Supervise) -> None:
    tells = (
        "import signal, sys, time; "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye') or 0)); "
        "print('up'); time.sleep(600)"
    )
    supervised = supervise(first=tells, second=tells)
    for _ in range(2):
        read_until(supervised, "up")

    supervised.terminate()

    output, _ = supervised.communicate(timeout=10)
    assert [line for line in output.splitlines() if "bye" in line] == [
        "second   | bye",
        "first    | bye",
    ]


def test_a_child_that_ignores_term_is_killed_after_its_time(supervise: Supervise) -> None:
    supervised = supervise(deaf=DEAF)
    read_until(supervised, "up")
    everything = descendants(supervised)

    supervised.terminate()

    output, _ = supervised.communicate(timeout=10)
    assert "deaf did not stop when asked; killing it" in output
    assert supervised.returncode == 0
    assert_all_gone(everything, within_s=1)


def test_a_second_interrupt_kills_at_once(supervise: Supervise) -> None:
    supervised = supervise(patient=DEAF)
    read_until(supervised, "up")
    everything = descendants(supervised)

    supervised.send_signal(signal.SIGINT)
    time.sleep(0.5)
    supervised.send_signal(signal.SIGINT)

    assert supervised.wait(timeout=5) == 0
    assert_all_gone(everything, within_s=1)


@pytest.mark.parametrize("code", [SLEEP, PARENT, DEAF])
def test_a_killed_supervisor_leaves_no_child_nor_grandchild(
    supervise: Supervise, code: str
) -> None:
    supervised = supervise(child=code, other=SLEEP)
    read_until(supervised, "started")
    time.sleep(0.3)
    everything = descendants(supervised)

    supervised.kill()

    assert len(everything) >= 3
    assert_all_gone(everything)


def test_a_crashed_childs_own_children_end_before_it_is_restarted(supervise: Supervise) -> None:
    supervised = supervise(beat=PARENT)
    read_until(supervised, "started")
    time.sleep(0.3)
    grandchild = next(
        child for child in descendants(supervised) if child.cmdline()[1:] == ["-c", SLEEP]
    )

    psutil.Process(grandchild.ppid()).kill()

    read_until(supervised, "restarting")
    assert_all_gone([grandchild], within_s=1)


def test_a_child_that_ends_before_it_is_ready_fails_the_start() -> None:
    async def never() -> bool:
        return False

    async def story(supervisor: Supervisor) -> int:
        child = Child(name="web", command=[sys.executable, "-c", "exit(4)"], ready=never)
        await supervisor.start(child)
        return 0

    out = io.StringIO()

    assert run(story, out=out) == 1
    assert out.getvalue() == "web stopped with exit status 4 while starting\n"


def test_a_child_that_is_never_ready_fails_the_start_and_is_stopped() -> None:
    async def never() -> bool:
        return False

    async def story(supervisor: Supervisor) -> int:
        command = [sys.executable, "-c", SLEEP]
        await supervisor.start(Child(name="web", command=command, ready=never, ready_timeout_s=0.2))
        return 0

    out = io.StringIO()

    assert run(story, out=out) == 1
    assert out.getvalue() == "web was not ready after 0.2 s\n"


def test_a_failed_step_is_said_and_ends_the_story() -> None:
    async def story(supervisor: Supervisor) -> int:
        code = "print('no such table'); exit(2)"
        await supervisor.finish(Child(name="migrate", command=[sys.executable, "-c", code]))
        return 0

    out = io.StringIO()

    assert run(story, out=out) == 1
    assert out.getvalue() == (
        "migrate  | no such table\nmigrate failed with exit status 2; see its lines above\n"
    )


def test_muted_lines_are_not_shown() -> None:
    async def story(supervisor: Supervisor) -> int:
        code = "print('GET /readyz'); print('GET /')"
        child = Child(name="web", command=[sys.executable, "-c", code], mute="/readyz")
        await supervisor.finish(child)
        return 0

    out = io.StringIO()

    assert run(story, out=out) == 0
    assert out.getvalue() == "web      | GET /\n"
