"""Of several who try one lock at once, one has it; the others go on at once."""

import pytest
from psycopg.errors import LockNotAvailable

from catalog.infrastructure.locks import number_of, session_lock, try_lock
from tests.support.threads import at_once


@pytest.mark.django_db(transaction=True)
def test_one_holds_a_lock_while_others_find_it_taken() -> None:
    def try_beside(_: int) -> bool:
        with try_lock("tests.a") as is_locked:
            return is_locked

    with try_lock("tests.a") as is_locked:
        beside = at_once(try_beside, 3)

    assert is_locked
    assert beside == [False, False, False]
    assert at_once(try_beside, 1) == [True], "it ends with the transaction"


@pytest.mark.django_db(transaction=True)
def test_locks_of_different_names_do_not_meet() -> None:
    def try_another(_: int) -> bool:
        with try_lock("tests.b") as is_locked:
            return is_locked

    with try_lock("tests.a"):
        assert at_once(try_another, 1) == [True]


def test_a_lock_has_the_same_number_in_every_process() -> None:
    assert number_of("inference.sweep") == number_of("inference.sweep")
    assert -(2**63) <= number_of("inference.sweep") < 2**63


@pytest.mark.django_db(transaction=True)
def test_a_lock_of_a_session_ends_with_its_block() -> None:
    """A pooled connection would keep it."""
    for _ in range(2):
        with (
            session_lock("tests.session"),
            pytest.raises(LockNotAvailable),
            session_lock("tests.session"),
        ):
            pytest.fail("two have it")
