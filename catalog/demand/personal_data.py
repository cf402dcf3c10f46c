"""What demand keeps of a person, for them to take along and to be erased."""

from django.contrib.auth.models import AbstractUser

from catalog.demand import subscribers, waitlist
from catalog.models import ModelRequest, Vote


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


def erase(user: AbstractUser) -> None:
    # Votes stay and name nobody: the database sets their user to null as the account goes.
    ModelRequest.objects.filter(user_id=user.pk).delete()
    subscribers.forget(subscribers.of_person(user))
