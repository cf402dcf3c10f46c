"""Large pictures wait for one another, small ones for nobody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from inference.runtime.images.pixel_room import PixelRoom


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def hold(room: PixelRoom, pixels: int, is_in: threading.Event, leave: threading.Event) -> None:
    with room.taken(pixels):
        is_in.set()
        assert leave.wait(20)


def test_a_small_picture_goes_beside_a_large_one(threads: ThreadPoolExecutor) -> None:
    room, is_in, leave = PixelRoom(60), threading.Event(), threading.Event()
    large = threads.submit(hold, room, 40, is_in, leave)
    assert is_in.wait(20)

    with room.taken(20):
        assert not large.done()

    leave.set()


def test_a_second_large_one_waits_until_the_first_has_left(threads: ThreadPoolExecutor) -> None:
    room, leave = PixelRoom(60), threading.Event()
    first_in, second_in = threading.Event(), threading.Event()
    first = threads.submit(hold, room, 40, first_in, leave)
    assert first_in.wait(20)
    second = threads.submit(hold, room, 40, second_in, leave)

    assert not second_in.wait(0.1)
    leave.set()
    assert second_in.wait(20)

    first.result(20)
    second.result(20)


def test_one_that_is_larger_than_the_room_goes_in_alone() -> None:
    room = PixelRoom(10)

    for _ in range(2):
        with room.taken(40):
            pass


def test_one_that_failed_leaves_its_room(threads: ThreadPoolExecutor) -> None:
    room = PixelRoom(60)
    with pytest.raises(RuntimeError, match="crash"), room.taken(60):
        raise RuntimeError("crash")

    assert threads.submit(room.taken(60).__enter__).result(20) is None
