"""How many mails an address gets, by who asks: anybody can ask in somebody else's name.

    browser     one that is known for the address has a share that no stranger can use up
    network     everybody else counts by the address and their own network
    strangers   all unknown browsers together: no crowd of networks floods a mailbox
    crowd       beyond that, still one mail in each half hour, whoever asks for it first

So whoever uses up a share uses up their own, and a crowd keeps nobody out: of a sign-in code, the
one mail of a half hour works in every browser that asks in it. A mailbox gets at most
STRANGERS_PER_DAY and 48 mails a day that strangers ask for.

All count by mailbox: ada+1@ and ada+2@ are one where the provider says so.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from catalog import email_addresses
from catalog.http import client_address
from catalog.limits import known_browsers
from catalog.limits.rates import DAY_S, HOUR_S, Limit, network_of, spend, wait_before_next

SHORT_WINDOW_S = 9 * 60
# A code that was lost can be asked for again; whoever looks at five models may join five waitlists.
PER_SHORT_WINDOW = {"code": 3, "waitlist": 5}
NETWORK_PER_DAY = 5
BROWSER_PER_DAY = 12
STRANGERS_PER_HOUR = 10
STRANGERS_PER_DAY = 30
CROWD_WINDOW_S = 1800


@dataclass(frozen=True)
class Requester:
    """Who wants a mail to be sent: from which network, and by which known browser, if any."""

    network: str
    browser_id: str = ""


def requester_of(request: HttpRequest, email: str) -> Requester:
    network = network_of(client_address(request))
    return Requester(network, known_browsers.id_of(request, email))


def count(purpose: str, email: str, requester: Requester) -> int:
    """Count one more mail; 0, or the seconds to wait, and nothing is counted. Raises CannotCount.

    `purpose`: one of PER_SHORT_WINDOW; mails of one do not use up the share of another.
    """
    return spend(limits_of(purpose, email, requester))


def seconds_to_wait(purpose: str, email: str, requester: Requester) -> int:
    """The seconds until one more may be sent; 0: now. Raises CannotCount."""
    return wait_before_next(limits_of(purpose, email, requester))


def is_crowded(purpose: str, email: str, requester: Requester) -> bool:
    """Whether it is other strangers who have used up this one's share. Raises CannotCount."""
    if requester.browser_id or wait_before_next(limits_of_network(purpose, email, requester)):
        return False
    return wait_before_next(_limits_of_strangers(purpose, email)) > 0


def count_in_crowd(purpose: str, email: str, requester: Requester) -> int:
    """Count one more who asks for the mail that a crowd shares; 0, or the seconds to wait."""
    return spend(limits_of_network(purpose, email, requester))


def is_first_of_crowd(purpose: str, email: str) -> bool:
    """True once in each window: then the mail that all share is to be sent. Raises CannotCount."""
    return not spend([limit_of_crowd(purpose, email)])


def crowd_window() -> int:
    """The number of the half hour, in which whoever asks shares a mail."""
    return int(time.time()) // CROWD_WINDOW_S


def limits_of(purpose: str, email: str, requester: Requester) -> Sequence[Limit]:
    if requester.browser_id:
        key = f"{_key(purpose, email)}:browser:{requester.browser_id}"
        return [
            Limit(f"{key}:short", PER_SHORT_WINDOW[purpose], SHORT_WINDOW_S),
            Limit(f"{key}:day", _most(BROWSER_PER_DAY), DAY_S),
        ]
    strangers = _limits_of_strangers(purpose, email)
    return [*limits_of_network(purpose, email, requester), *strangers]


def limits_of_network(purpose: str, email: str, requester: Requester) -> list[Limit]:
    key = f"{_key(purpose, email)}:network:{requester.network}"
    return [
        Limit(f"{key}:short", PER_SHORT_WINDOW[purpose], SHORT_WINDOW_S),
        Limit(f"{key}:day", _most(NETWORK_PER_DAY), DAY_S),
    ]


def _limits_of_strangers(purpose: str, email: str) -> list[Limit]:
    key = f"{_key(purpose, email)}:strangers"
    return [
        Limit(f"{key}:hour", _most(STRANGERS_PER_HOUR), HOUR_S),
        Limit(f"{key}:day", _most(STRANGERS_PER_DAY), DAY_S),
    ]


def limit_of_crowd(purpose: str, email: str) -> Limit:
    # By the clock, and not from the first mail on: its code says which window it is for.
    key = f"{_key(purpose, email)}:crowd:{crowd_window()}"
    return Limit(key, 1, CROWD_WINDOW_S)


def _key(purpose: str, email: str) -> str:
    return f"mail:{purpose}:{email_addresses.fingerprint(email)[:32]}"


def _most(number: int) -> int:
    # A developer signs in all day long.
    return 100 * number if settings.DEBUG else number
