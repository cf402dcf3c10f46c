"""Short forms of `make abuse`: what others are answered and what runs on, not how long it took."""

import pytest

from accounts.credits import ledger
from bench.abuse.attacks import BY_NAME
from bench.abuse.campaign import Scene

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

# Attacks whose defense is not built yet, and what they wait for. The change that builds it takes
# the name away.
NOT_YET: dict[str, str] = {}


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in NOT_YET])
def test_others_are_served_beside_an_attack(name: str, scene: Scene) -> None:
    result = scene.under(BY_NAME[name])

    assert result.outcome.broken == []
    assert result.victim.statuses == {
        "call": {"200": result.victim.count},
        "page": {"200": result.victim.count},
    }
    assert result.usage.restarts == []
    assert ledger.check().differences == ()


def test_only_attacks_that_exist_wait_for_their_defense() -> None:
    assert set(NOT_YET) <= set(BY_NAME)
