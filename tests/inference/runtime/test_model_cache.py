"""Which models stay loaded."""

import pytest

from inference.runtime.model_cache import ModelCache


def model_cache(budget: int, **models: int) -> ModelCache[int]:
    """Models that are their own weight."""
    cache: ModelCache[int] = ModelCache(weight=int, budget_bytes=budget)
    for repo, weight in models.items():
        cache.put(repo, weight)
    return cache


def repos(cache: ModelCache[int]) -> list[str]:
    return [repo for repo, _ in cache.items()]


def test_without_a_budget_everything_stays() -> None:
    assert repos(model_cache(0, a=5, b=500, c=50_000)) == ["a", "b", "c"]


def test_the_least_recently_used_makes_room() -> None:
    cache = model_cache(10, a=4, b=3, c=3)
    cache.take("a")

    evicted = cache.make_room(3)

    assert evicted == ["b"]
    assert repos(cache) == ["c", "a"]


def test_as_many_go_as_must() -> None:
    cache = model_cache(10, a=4, b=3, c=3)

    assert cache.make_room(7) == ["a", "b"]


def test_nothing_goes_where_there_is_room() -> None:
    cache = model_cache(10, a=4)

    assert cache.has_room(6)
    assert not cache.has_room(7)
    assert cache.make_room(6) == []


def test_a_model_larger_than_the_budget_is_served_alone() -> None:
    cache = model_cache(10, a=4, b=3)

    assert cache.make_room(50) == ["a", "b"]
    assert cache.put("giant", 50) == []
    assert repos(cache) == ["giant"]


def test_a_model_heavier_than_expected_pushes_out_the_others() -> None:
    cache = model_cache(10, a=4, b=3)

    assert cache.put("c", 9) == ["a", "b"]


def test_what_is_not_loaded_cannot_be_taken() -> None:
    with pytest.raises(KeyError):
        model_cache(10).take("a")
