"""Which models stay loaded."""

import pytest

from inference.runtime.model_cache import Shelf


def shelf(budget: int, **models: int) -> Shelf[int]:
    """Models that are their own weight."""
    filled: Shelf[int] = Shelf(weight=int, budget_bytes=budget)
    for repo, weight in models.items():
        filled.put(repo, weight)
    return filled


def repos(shelf: Shelf[int]) -> list[str]:
    return [repo for repo, _ in shelf.items()]


def test_without_a_budget_everything_stays() -> None:
    assert repos(shelf(0, a=5, b=500, c=50_000)) == ["a", "b", "c"]


def test_the_least_recently_used_makes_room() -> None:
    full = shelf(10, a=4, b=3, c=3)
    full.take("a")

    gone = full.make_room(3)

    assert gone == ["b"]
    assert repos(full) == ["c", "a"]


def test_as_many_go_as_must() -> None:
    full = shelf(10, a=4, b=3, c=3)

    assert full.make_room(7) == ["a", "b"]


def test_nothing_goes_where_there_is_room() -> None:
    full = shelf(10, a=4)

    assert full.has_room(6)
    assert not full.has_room(7)
    assert full.make_room(6) == []


def test_a_model_larger_than_the_budget_is_served_alone() -> None:
    full = shelf(10, a=4, b=3)

    assert full.make_room(50) == ["a", "b"]
    assert full.put("giant", 50) == []
    assert repos(full) == ["giant"]


def test_a_model_heavier_than_expected_pushes_out_the_others() -> None:
    full = shelf(10, a=4, b=3)

    assert full.put("c", 9) == ["a", "b"]


def test_what_is_not_loaded_cannot_be_taken() -> None:
    with pytest.raises(KeyError):
        shelf(10).take("a")
