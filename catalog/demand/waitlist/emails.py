"""The mails of the waitlist. Each says how to leave, for people and for mail programs."""

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from catalog.demand import subscribers
from catalog.demand.waitlist import links
from catalog.models import ModelCard, Subscriber, WaitlistEntry


def headers(subscriber: Subscriber, card: ModelCard | None) -> dict[str, str]:
    """What lets a mail program show "unsubscribe" and do it with one click (RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{links.to_leave(subscriber, card)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def queue_confirmation(entry: WaitlistEntry, *, token: str, size: int, once: str) -> None:
    """Ask whether it was this address that joined; `size` is how many wait."""
    context: dict[str, object] = {"confirm_link": links.to_confirm(token), "size": size}
    _queue(entry, "confirm", "Please confirm", context, once=once)


def queue_reminder(entry: WaitlistEntry, *, position: int | None, size: int, once: str) -> None:
    context: dict[str, object] = {"position": position, "size": size}
    _queue(entry, "already_waiting", "You are on the waitlist", context, once=once)


def _queue(
    entry: WaitlistEntry, template: str, subject: str, context: dict[str, object], *, once: str
) -> None:
    """Into the caller's transaction; two mails with the same `once` are one."""
    card, subscriber = entry.card, entry.subscriber
    context |= {
        "card": card,
        "card_link": links.absolute(card.get_absolute_url()),
        "leave_link": links.to_leave(subscriber, card),
        "preferences_link": links.to_preferences(subscriber),
    }
    EmailMessage(
        # One line: a name with a line break would end the header.
        subject=f"{subject}: {' '.join(card.name.split())}",
        body=render_to_string(f"catalog/waitlist/mail/{template}.txt", context),
        to=[subscriber.email],
        headers=headers(subscriber, card)
        | {"X-Idempotency-Key": f"{subscribers.mail_key(subscriber.pk)}{once}"},
    ).send()
