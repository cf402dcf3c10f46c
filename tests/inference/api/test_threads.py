"""What is left to do when a request is torn down, perhaps because the database went away."""

import asyncio

from django.db import OperationalError

from inference.api import threads


def run_later(errors: list[Exception]) -> list[bool]:
    """Runs a call that raises these errors first, one a try; what it could do in the end."""
    done: list[bool] = []

    async def leave() -> None:
        finished = asyncio.Event()
        loop = asyncio.get_running_loop()

        def clean_up() -> None:
            if errors:
                raise errors.pop(0)
            done.append(True)
            loop.call_soon_threadsafe(finished.set)

        threads.later(clean_up)
        await asyncio.wait_for(finished.wait(), 20)

    asyncio.run(leave())
    return done


def test_cleaning_up_is_tried_again_while_the_database_is_away() -> None:
    assert run_later([OperationalError("the database system is starting up")]) == [True]


def test_cleaning_up_is_done_once() -> None:
    assert run_later([]) == [True]
