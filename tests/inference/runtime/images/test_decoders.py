"""A file that breaks its decoder costs a child process, and the next file is decoded."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest
from PIL import Image

from inference.runtime.images import headers
from inference.runtime.images.decoders import Decoder, Decoders, Limits
from inference.runtime.images.decoding import Damaged, DecoderUnavailable, Task, TooCostly, decode
from inference.runtime.images.pixel_room import PixelRoom
from inference.runtime.images.preprocessing import Method, Preprocessing
from tests.inference.runtime.images import gallery
from tests.inference.runtime.images.gallery import as_file
from tests.inference.runtime.images.hostile import flat_png
from tests.support.site import wait_for

PREPROCESSING = Preprocessing(size=64)


# Any: any field of a task.
def task(data: bytes, **fields: Any) -> Task:
    size = headers.read(data).upright_size
    return replace(Task(data=data, size=size, preprocessing=PREPROCESSING), **fields)


@pytest.fixture
def photo() -> Task:
    return task(as_file(gallery.photo("cat", 300, 200)), preview_side=100)


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(Limits(wall_s=20), PixelRoom(10**8))
    yield decoder
    decoder.close()


def test_a_child_gives_what_this_process_would(decoder: Decoder, photo: Task) -> None:
    there, here = decoder.decode(photo), decode(photo)

    assert there.crop.tobytes() == here.crop.tobytes()
    assert there.preview == here.preview
    assert PREPROCESSING.crop(there.crop) is there.crop
    assert there.cpu_s > 0


def test_the_fast_method_has_torch_in_the_child(decoder: Decoder, photo: Task) -> None:
    """Its import takes more than an image may, and is not the image's."""
    fast = replace(photo, preprocessing=replace(PREPROCESSING, method=Method.FAST))

    decoder.decode(photo)
    there, here = decoder.decode(fast), decode(fast)

    assert there.crop.tobytes() == here.crop.tobytes()
    assert decoder.decode(photo).crop.size == (64, 64)


def test_a_damaged_file_is_refused_and_the_child_lives(decoder: Decoder, photo: Task) -> None:
    decoder.decode(photo)
    pid = decoder.pid

    with pytest.raises(Damaged, match="truncated"):
        decoder.decode(task(photo.data[:2000]))

    decoder.decode(photo)
    assert decoder.pid == pid


@pytest.mark.parametrize("fault", ["segv", "kill", "exit"])
def test_a_crash_is_one_images(decoder: Decoder, photo: Task, fault: str) -> None:
    with pytest.raises(Damaged, match="crashes"):
        decoder.decode(replace(photo, fault=fault))

    assert decoder.decode(photo).crop.size == (64, 64)


def test_a_child_that_was_killed_by_others_is_replaced(decoder: Decoder, photo: Task) -> None:
    decoder.decode(photo)
    os.kill(decoder.pid or 0, signal.SIGKILL)

    assert decoder.decode(photo).crop.size == (64, 64)


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python", "/etc/passwd"])
def test_a_decoder_that_never_comes_up_says_nothing_of_the_image(
    decoder: Decoder, photo: Task, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    """It may not be run, or cannot read its own libraries (EACCES)."""
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(DecoderUnavailable):
        decoder.decode(photo)
    with pytest.raises(DecoderUnavailable):
        decoder.check()

    monkeypatch.undo()
    decoder.check()
    assert decoder.decode(photo).crop.size == (64, 64)


@pytest.fixture
def impatient() -> Iterator[Decoder]:
    decoder = Decoder(Limits(wall_s=6), PixelRoom(10**8))
    yield decoder
    decoder.close()


@pytest.mark.parametrize("fault", ["stop", "hang", "seize"])
def test_a_child_that_hangs_is_given_up(impatient: Decoder, photo: Task, fault: str) -> None:
    decoder = impatient
    with pytest.raises(TooCostly, match="keeps the decoder"):
        decoder.decode(replace(photo, fault=fault))

    assert decoder.decode(photo).crop.size == (64, 64)


def test_a_child_that_is_stopped_takes_no_thread_with_it(impatient: Decoder, photo: Task) -> None:
    """The file does not even fit into the socket."""
    decoder = impatient
    decoder.decode(photo)
    os.kill(decoder.pid or 0, signal.SIGSTOP)
    large = task(as_file(Image.effect_noise((3000, 1000), 90), "PNG"))

    with pytest.raises(TooCostly):
        decoder.decode(large)


def test_memory_is_bounded(photo: Task) -> None:
    with Decoders(1, Limits(memory_mb=60)) as decoders:
        [outcome] = decoders.map(_outcome, [task(flat_png(8000, 5000))])
        assert outcome == "TooCostly"
        assert decoders.map(_outcome, [photo]) == ["decoded"]


def test_a_processors_time_is_bounded(photo: Task) -> None:
    flat = as_file(Image.new("L", (8000, 5000), 90), "JPEG", progressive=True)
    scan = flat[flat.rindex(b"\xff\xda") : -2]  # the last one, again and again
    bomb = flat[:-2] + scan * (9 * 2**20 // len(scan)) + flat[-2:]

    with Decoders(1, Limits(cpu_s=1)) as decoders:
        assert decoders.map(_outcome, [task(bomb), photo]) == ["TooCostly", "decoded"]


def test_children_end_with_their_pool(photo: Task) -> None:
    with Decoders(2) as decoders:
        pids = set(decoders.map(_pid_after, [photo] * 8))
        assert 1 <= len(pids) <= 2

    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_children_are_started_ahead_of_the_first_image(photo: Task) -> None:
    with Decoders(2) as decoders:
        decoders.start()
        started = {child.pid for child in psutil.Process().children()}

        assert set(decoders.map(_pid_after, [photo] * 4)) <= started


def test_a_child_knows_nothing_of_ours(decoder: Decoder, photo: Task) -> None:
    decoder.decode(photo)
    child = psutil.Process(decoder.pid)

    assert set(child.environ()) <= {"PATH", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert not child.net_connections(kind="inet")


def test_an_error_of_the_caller_comes_back_when_all_have_ended(photo: Task) -> None:
    ended: list[int] = []

    def work(decoder: Decoder, index: int) -> None:
        if index == 0:
            raise OSError("the storage is away")
        decoder.decode(photo)
        ended.append(index)

    with Decoders(2) as decoders, pytest.raises(OSError, match="away"):
        decoders.map(work, range(4))

    assert sorted(ended) == [1, 2, 3]


def _outcome(decoder: Decoder, task: Task) -> str:
    try:
        decoder.decode(task)
    except (Damaged, TooCostly) as error:
        return type(error).__name__
    return "decoded"


def _pid_after(decoder: Decoder, task: Task) -> int:
    decoder.decode(task)
    return decoder.pid or 0
