"""What demand keeps of a person, for them to take along and to be erased."""

from typing import Protocol

from django.contrib.auth.models import AbstractUser

from catalog.admin.audited import scrub_rows
from catalog.demand import subscribers, waitlist
from catalog.infrastructure.retention import delete_some
from catalog.models import ModelRequest, Vote


class Erasure(Protocol):
    """As much of accounts.models.Erasure as this app needs."""

    user_id: int


def export(user: AbstractUser) -> dict[str, object]:
    return {
        "votes": list(
            Vote.objects.filter(user_id=user.pk).values(
                "card__repo", "images_per_month", "voted_at", "is_set_aside", "mailbox"
            )
        ),
        "model_requests": list(
            ModelRequest.objects.filter(user_id=user.pk).values(
                "repo", "state", "reason", "requested_at", "checked_at"
            )
        ),
        "waitlist_addresses": list(
            subscribers.of_person(user).values("email", "created_at", "unsubscribed_at")
        ),
        "waitlist": list(
            waitlist.own_entries(user).values(
                "subscriber__email",
                "card__repo",
                "requested_at",
                "confirmed_at",
                "left_at",
                "consent_text",
                "consent_address_sha256",
            )
        ),
    }


def close(user: AbstractUser) -> list[str]:
    # No further mail goes to the addresses; those of one person wait for so many models at most.
    own = subscribers.of_person(user)
    scrub_rows(own)
    emails = list(own.values_list("email", flat=True))
    subscribers.forget(own)
    return emails


def erase(erasure: Erasure, limit: int) -> int:
    # Votes stay and name nobody: the database sets their user to null as the account goes.
    return delete_some(ModelRequest.objects.filter(user_id=erasure.user_id), limit)
