"""Short forms of `make abuse`: what others are answered and what runs on, not how long it took."""

import pytest

from accounts.credits import ledger
from bench.abuse.attacks import ATTACKS, BY_NAME
from bench.abuse.campaign import Scene

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

TRIED = (
    "many-labels",
    "large-bodies",
    "half-bodies",
    "hang-up",
    "dripping-urls",
)
# Their defenses are not built yet; a name moves up with the change that builds them.
NOT_YET = {
    "large-pngs": "decoding in child processes, admission by pixels",
    "tiny-pngs": "decoding in child processes, admission by pixels",
    "long-words": "bounded tokenization",
    "large-headers": "limits of the web server",
    "slow-headers": "limits of the web server",
    "slow-bodies": "limits of the web server",
    "idle-connections": "limits of the web server",
    "query-parameters": "limits of the web server",
    "wrong-hosts": "limits of the web server",
    "sign-in-flood": "limits by address and network",
    "sign-ups": "a budget of gifts",
}


@pytest.mark.parametrize("name", TRIED)
def test_others_are_served_beside_an_attack(name: str, scene: Scene) -> None:
    result = scene.under(BY_NAME[name])

    assert result.outcome.broken == []
    assert result.victim.statuses == {
        "call": {"200": result.victim.count},
        "page": {"200": result.victim.count},
    }
    assert result.usage.restarts == []
    assert ledger.check().differences == ()


def test_every_attack_is_tried_here_or_waits_for_its_defense() -> None:
    assert {*TRIED, *NOT_YET} == {attack.name for attack in ATTACKS}
