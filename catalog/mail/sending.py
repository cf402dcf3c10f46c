"""Sends what the outbox keeps, once each.

A claim is one conditional UPDATE that also says when to try again, so a sender that dies costs a
wait and no mail. There is one way to send twice: the process dies between the server's "accepted"
and our row's update. Both copies then bear the same Message-ID, which mail programs fold into one.

While the server does not answer, one mail is tried at a time and the others wait: a server that
hangs holds one thread of one worker for seconds.
"""

import logging
import smtplib
from datetime import timedelta
from enum import Enum
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models.functions import Now

from catalog.infrastructure import broker
from catalog.models import Mail, MailQuerySet, MailState

log = logging.getLogger(__name__)

SEND_MAIL = "catalog.tasks.send_mail"  # by name: tasks import this module, not the reverse
MESSAGE_LIVES_S = 30  # the sweep sends what no message was sent for
MAILS_PER_ROUND = 100
# Longer than the slowest talk with a server: ten answers, each within EMAIL_TIMEOUT.
LEASE = timedelta(minutes=2)
ASK_AGAIN_AFTER = timedelta(seconds=10)
# A server that is back should be noticed soon; one that refuses a mail should not be pestered.
LONGEST_WAIT_AWAY = timedelta(minutes=1)
LONGEST_WAIT_REFUSED = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=1)
KEEP_FOR = timedelta(days=30)
PERMANENT = 500  # SMTP's 5xx: do not try again

EMPTY: dict[str, Any] = {"text": "", "html": "", "headers": {}}


class Outcome(Enum):
    """How one try went."""

    TAKEN = "taken"
    REFUSED = "refused"
    SERVER_AWAY = "server away"


def send_soon() -> None:
    """Have a worker send what is due, once the transaction has committed."""
    broker.send_on_commit(SEND_MAIL, expires_s=MESSAGE_LIVES_S)


def send_due() -> int:
    """Send what is due, oldest first; how many went. Stops at the first sign of a server away.

    Without a mail server, mail waits to be read in the development inbox, and is given up in time.
    """
    if not settings.MAIL_TRANSPORT or _server_was_away():
        return 0
    connection = get_connection(settings.MAIL_TRANSPORT)
    sent = 0
    try:
        for _ in range(MAILS_PER_ROUND):
            mail = _claim()
            if mail is None:
                break
            outcome = _deliver(mail, connection)
            sent += outcome is Outcome.TAKEN
            if outcome is Outcome.SERVER_AWAY:
                break
    finally:
        connection.close()
    return sent


def tidy() -> None:
    """Give up what could not be sent for a day, and forget what is a month old."""
    old = Mail.objects.waiting().filter(created_at__lt=Now() - GIVE_UP_AFTER)
    given_up = old.update(state=MailState.GIVEN_UP, **EMPTY)
    if given_up:
        log.error("mail given up count=%s", given_up)
    Mail.objects.filter(created_at__lt=Now() - KEEP_FOR).delete()


def _server_was_away() -> bool:
    """Somebody has just waited for it in vain."""
    return Mail.objects.waiting().filter(server_away_at__gt=Now() - ASK_AGAIN_AFTER).exists()


def _claim() -> Mail | None:
    """The next mail that is due, ours until its lease ends."""
    with transaction.atomic():
        mail = (
            Mail.objects.due()
            .order_by("next_try_at", "pk")
            .select_for_update(skip_locked=True)
            .first()
        )
        if mail is None:
            return None
        mail.attempts += 1
        Mail.objects.filter(pk=mail.pk).update(
            attempts=mail.attempts,
            next_try_at=Now() + LEASE,
            # We ask whether the server is back; nobody else need ask meanwhile.
            server_away_at=Now() if mail.server_away_at else None,
        )
    return mail


def _deliver(mail: Mail, connection: BaseEmailBackend) -> Outcome:
    """Hand one mail to the server and note how it went."""
    try:
        connection.send_messages([_message(mail)])
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as no:
        _note_refusal(mail, no)
        return Outcome.REFUSED
    except (smtplib.SMTPException, OSError) as error:
        _note_away(mail, error)
        return Outcome.SERVER_AWAY
    # Whoever sent it, it is sent: this is not fenced by the attempt.
    Mail.objects.filter(pk=mail.pk, state=MailState.WAITING).update(
        state=MailState.SENT, sent_at=Now(), server_away_at=None, error="", **EMPTY
    )
    log.info("mail sent id=%s attempts=%s", mail.pk, mail.attempts)
    return Outcome.TAKEN


def _message(mail: Mail) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        mail.sender,
        mail.recipients,
        headers=mail.headers | {"Message-ID": mail.message_id},
    )
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    return message


def _note_refusal(mail: Mail, refusal: smtplib.SMTPException) -> None:
    """The server answers, but does not take this mail: now, or ever."""
    if _is_permanent(refusal):
        _ours(mail).update(state=MailState.GIVEN_UP, error=_words(refusal), **EMPTY)
        log.warning("mail refused for good id=%s", mail.pk)
        return
    wait = _wait(mail, first=timedelta(seconds=30), longest=LONGEST_WAIT_REFUSED)
    _ours(mail).update(next_try_at=Now() + wait, error=_words(refusal))
    log.warning("mail refused for now id=%s attempts=%s", mail.pk, mail.attempts)


def _note_away(mail: Mail, error: Exception) -> None:
    """Nobody answered; `server_away_at` keeps the other senders from waiting, too."""
    wait = _wait(mail, first=ASK_AGAIN_AFTER, longest=LONGEST_WAIT_AWAY)
    _ours(mail).update(next_try_at=Now() + wait, server_away_at=Now(), error=_words(error))
    log.warning("mail server away id=%s attempts=%s error=%r", mail.pk, mail.attempts, error)


def _ours(mail: Mail) -> MailQuerySet:
    """The row, unless another sender has claimed it since."""
    return Mail.objects.waiting().filter(pk=mail.pk, attempts=mail.attempts)


def _wait(mail: Mail, *, first: timedelta, longest: timedelta) -> timedelta:
    """Twice as long each time."""
    return min(first * (1 << min(mail.attempts - 1, 12)), longest)


def _is_permanent(refusal: smtplib.SMTPException) -> bool:
    if isinstance(refusal, smtplib.SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _ in refusal.recipients.values())
    return isinstance(refusal, smtplib.SMTPResponseException) and refusal.smtp_code >= PERMANENT


def _words(error: Exception) -> str:
    """What support needs to know. A server's own words can name the address, no more than we do."""
    return repr(error)[:300]
