"""How many images an anonymous visitor may send to the playground."""

from django.conf import settings

from catalog.limits import Refused, TooOften, network_of, take

__all__ = ["Refused", "count_image"]


def count_image(*, visitor: str, address: str) -> None:
    """Count an image that will be decoded; raises Refused."""
    if not take(f"playground:session:{visitor}", settings.PLAYGROUND_JOBS_PER_HOUR_SESSION):
        raise TooOften("That was a lot of pictures for one hour. Please come back in a while.")
    # Sessions cost nothing to make, so the network is counted as well.
    if not take(
        f"playground:address:{network_of(address)}", settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS
    ):
        raise TooOften(
            "Your network address has sent a lot of pictures this hour. Please come back later."
        )
