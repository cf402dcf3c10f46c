"""How many pictures a stranger may send to the playground."""

from django.conf import settings

from catalog.limits import Refused, TooOften, network_of, take

__all__ = ["Refused", "take_playground_turn"]


def take_playground_turn(*, visitor: str, address: str) -> None:
    """Count one picture to be looked at; raises Refused for the session or the address."""
    if not take(f"playground:session:{visitor}", settings.PLAYGROUND_JOBS_PER_HOUR_SESSION):
        raise TooOften("That was a lot of pictures for one hour. Please come back in a while.")
    if not take(
        f"playground:address:{network_of(address)}", settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS
    ):
        raise TooOften(
            "Your network address has sent a lot of pictures this hour. Please come back later."
        )
