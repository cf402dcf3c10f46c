"""An address has one spelling that is kept, and a rule by which it is the same as another."""

import doctest

import pytest

from catalog import email_addresses


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ada@Lab.Example ", "Ada@lab.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_addresses_are_kept_one_way(typed: str, kept: str) -> None:
    assert email_addresses.normalize(typed) == kept


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(email_addresses).failed == 0
