"""Waits grow, and end where they should."""

import doctest

from catalog.infrastructure import backoff


def test_the_examples_hold() -> None:
    assert doctest.testmod(backoff).failed == 0
