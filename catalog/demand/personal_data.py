"""What demand keeps of a person, for them to take along and to be erased."""

from django.contrib.auth.models import AbstractUser

from catalog.demand import subscribers, waitlist
from catalog.models import ModelRequest, Vote


def export(user: AbstractUser) -> dict[str, object]:
    """Votes, models asked for, and what the person's addresses wait for."""
    return {
        "votes": list(
            Vote.objects.filter(user_id=user.pk).values(
                "card__repo", "images_per_month", "voted_at", "is_set_aside", "mailbox"
            )
        ),
        "model_requests": list(
            ModelRequest.objects.filter(user_id=user.pk).values(
                "repo", "state", "reason", "asked_at", "checked_at"
            )
        ),
        "waitlist": list(
            waitlist.own_entries(user).values(
                "subscriber__email",
                "card__repo",
                "asked_at",
                "confirmed_at",
                "left_at",
                "consent_text",
                "consent_address_sha256",
            )
        ),
    }


def erase(user: AbstractUser) -> None:
    """Votes stay and name nobody, by the database's own rule."""
    ModelRequest.objects.filter(user_id=user.pk).delete()
    subscribers.forget(subscribers.of_person(user))
