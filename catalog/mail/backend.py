"""Django's way to send mail, ending in a table: `EMAIL_BACKEND = "catalog.mail.backend.Outbox"`.

A mail is a row of the caller's own transaction: it goes out if that commits, and only then. The
caller never waits for a mail server.
"""

from collections.abc import Sequence
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import make_msgid

from catalog.mail.sending import send_soon
from catalog.models import Mail

# For us alone: they become columns, and no mail server sees them.
IDEMPOTENCY_HEADER = "X-Idempotency-Key"
LAUNCH_HEADER = "X-Launch"
BULK_HEADER = "X-Bulk"  # any value: to many at once, none of whom waits for it


class CannotKeep(ValueError):
    """The mail has a part that the outbox has no column for."""


class Outbox(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many are taken care of; one whose key was queued before is not queued again."""
        mails = [_row(message) for message in email_messages if message.recipients()]
        Mail.objects.bulk_create(mails, ignore_conflicts=True)
        if any(not mail.is_bulk for mail in mails):
            send_soon()
        return len(mails)


def _row(message: EmailMessage) -> Mail:
    headers = dict(message.extra_headers)
    key = headers.pop(IDEMPOTENCY_HEADER, "")
    launch_id = headers.pop(LAUNCH_HEADER, None)
    is_bulk = bool(headers.pop(BULK_HEADER, "") or launch_id)
    message_id = headers.pop("Message-ID", "") or make_msgid(domain=_domain())
    if message.reply_to:
        headers["Reply-To"] = ", ".join(message.reply_to)
    return Mail(
        key=key,
        launch_id=launch_id,
        is_bulk=is_bulk,
        message_id=message_id,
        sender=message.from_email,
        recipients=message.to,
        subject=str(message.subject),
        headers=headers,
        text=str(message.body),
        html=_html(message),
    )


def _domain() -> str:
    # What follows the @ of a Message-ID; the machine's own name is nobody's business.
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"


def _html(message: EmailMessage) -> str:
    """The mail's HTML beside its text, if any. Raises CannotKeep for what we have no column for."""
    if message.cc or message.bcc or message.attachments or message.content_subtype != "plain":
        raise CannotKeep("The outbox keeps text and HTML to named recipients, nothing else.")
    alternatives = message.alternatives if isinstance(message, EmailMultiAlternatives) else []
    if [mime_type for _, mime_type in alternatives] not in ([], ["text/html"]):
        raise CannotKeep("The outbox keeps one alternative to a mail's text, and that is HTML.")
    return str(alternatives[0][0]) if alternatives else ""
