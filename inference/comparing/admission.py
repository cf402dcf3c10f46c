"""What a comparison may take, decided before its first photo: photos times columns is its work.

Up to 20 photos are free for everybody and count as that many pictures of the playground, by session
and by network. More, up to 500, are a batch: only for people with an account, and paid from credit
as the API is. Of one person only so many jobs wait at a time (`API_QUEUED_JOBS`), so a batch goes
in as fast as it is answered.

NotAdmitted             root; `str(error)` is a sentence for people
    NotAffordable
limits.Refused          too often, or nobody can count (catalog.limits)
"""

from collections.abc import Sequence

from django.conf import settings

from accounts import credits
from accounts.models import User
from catalog import limits
from catalog.limits import Limit, TooOften, network_of, wait_in_words
from catalog.numbers.money import format_usd
from inference import jobs
from inference.comparing.columns import Column

MAX_FREE_PHOTOS = 20
MAX_BATCH_PHOTOS = 500


class NotAdmitted(Exception):
    pass


class NotAffordable(NotAdmitted):
    pass


def admit(
    columns: Sequence[Column],
    *,
    photos: int,
    label_count: int,
    requester: jobs.Requester,
    user: User | None,
    address: str,
) -> bool:
    """Count the free work, or see that it can be paid; whether it is paid.

    Raises NotAdmitted and limits.Refused; then nothing was counted.
    """
    if photos <= MAX_FREE_PHOTOS:
        count_free(photos, len(columns), visitor=str(requester.visitor), address=address)
        return False
    if user is None:
        raise NotAdmitted(
            f"{photos} photos are more than the {MAX_FREE_PHOTOS} that are free without an account."
            f" Send fewer, or sign in to compare up to {MAX_BATCH_PHOTOS} from your credit."
        )
    if photos > MAX_BATCH_PHOTOS:
        raise NotAdmitted(
            f"{photos:,} photos are more than the {MAX_BATCH_PHOTOS} of one comparison. The program"
            " that each comparison offers has no such limit."
        )
    check_affordable(columns, photos=photos, label_count=label_count, user=user)
    return True


def count_free(photos: int, column_count: int, *, visitor: str, address: str) -> None:
    """Count all of it or none; raises NotAdmitted and limits.Refused."""
    work = photos * column_count
    named = (
        f"{photos} photo{'' if photos == 1 else 's'} by {column_count} columns are {work} pictures"
        " to score"
    )
    bounds = [
        Limit(f"playground:session:{visitor}", settings.PLAYGROUND_JOBS_PER_HOUR_SESSION),
        Limit(
            f"playground:address:{network_of(address)}", settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS
        ),
    ]
    most = min(bound.most for bound in bounds)
    if work > most:  # no waiting would help
        raise NotAdmitted(
            f"{named}; {most} are free in an hour. Send fewer photos, or take fewer columns."
        )
    wait_s = limits.spend(bounds, by=work)
    if wait_s:
        raise TooOften(
            f"{named}, more than is left of the {most} that are free in an hour. Send fewer, take"
            f" fewer columns, or come back in {wait_in_words(wait_s)}.",
            retry_after_s=wait_s,
        )


def max_cost(columns: Sequence[Column], *, photos: int, label_count: int) -> int:
    """µ$ if no text is cached yet; each column's texts are read once. Raises NotAdmitted."""
    total = 0
    for column in columns:
        card = column.card
        if card is None or not card.status.is_callable or not card.is_priced:
            raise NotAdmitted(
                f"{column.repo} can't be paid for yet, so it compares up to {MAX_FREE_PHOTOS}"
                " photos. Send fewer, or choose a model that is live."
            )
        texts = column.text_count(label_count)
        # A stand-in is free.
        if card.price:
            total += card.price.micro_usd_for(
                images=photos, texts=texts, tokens=texts * card.most_tokens
            )
    return total


def check_affordable(
    columns: Sequence[Column], *, photos: int, label_count: int, user: User
) -> None:
    """Raises NotAdmitted."""
    cost = max_cost(columns, photos=photos, label_count=label_count)
    available = credits.available_to(user)
    if cost > available:
        raise NotAffordable(
            f"{photos} photos by {len(columns)} columns cost up to {format_usd(cost)}, and"
            f" {format_usd(available)} of your credit is available. Nothing was sent."
        )
