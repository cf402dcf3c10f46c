"""Sends what the outbox keeps, once each; catalog.infrastructure.outbox says how a mail is claimed.

What somebody waits for, such as a code to sign in, goes out at once and never stands behind mail to
many. That goes slowly on purpose, MAIL_BULK_PER_MINUTE: mail servers hold up, or refuse, whoever
sends a thousand at once, and then the codes with them. What was not sent is there after a restart.

While the server does not answer, one mail is tried at a time and the others wait: a server that
hangs holds one thread of one worker for seconds.
"""

import logging
import math
import smtplib
from datetime import timedelta
from email.errors import MessageError
from enum import Enum

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Case, When
from django.db.models.functions import Now

from catalog.infrastructure import broker, log_context
from catalog.infrastructure.backoff import Exponential
from catalog.infrastructure.retention import Budget, Retention
from catalog.models import Mail, MailQuerySet, MailState

log = logging.getLogger(__name__)

SEND_MAIL = "catalog.tasks.send_mail"  # by name: tasks import this module, not the reverse
QUEUE = "mail"  # of its own: what takes long in others is not waited for
MESSAGE_LIVES_S = 30  # the sweep sends what no message was sent for
BULK_EVERY_S = 10.0  # the interval of its periodic task
MAILS_PER_ROUND = 100
# Longer than the slowest talk with a server: ten answers, each within EMAIL_TIMEOUT.
LEASE = timedelta(minutes=2)
# A server that is back should be noticed soon; one that refuses a mail should not be pestered.
PROBE_EVERY = timedelta(seconds=10)
WHILE_AWAY = Exponential(first=PROBE_EVERY, longest=timedelta(minutes=1))
WHEN_REFUSED = Exponential(first=timedelta(seconds=30), longest=timedelta(hours=1))
GIVE_UP_AFTER = timedelta(days=1)
GIVE_UP_BULK_AFTER = timedelta(days=7)
KEEP_FOR = timedelta(days=30)
PERMANENT = 500  # SMTP's 5xx: do not try again
MAX_ERROR_LENGTH = 300


# What Python's mail package and Django raise for a header or an address that makes no mail. The
# others of the round go out; this one is tried again, in case it was us.
UNSENDABLE = (ValueError, TypeError, LookupError, MessageError)


class Outcome(Enum):
    SENT = "sent"
    REFUSED = "refused"
    SERVER_AWAY = "server away"


def send_soon() -> None:
    broker.send_on_commit(SEND_MAIL, queue=QUEUE, expires_s=MESSAGE_LIVES_S, is_wake=True)


def send_due() -> int:
    """Send what is due and urgent, oldest first; how many went."""
    return _send_some(Mail.objects.urgent(), limit=MAILS_PER_ROUND)


def send_bulk() -> int:
    """As `send_due`, of mail to many: as much as may go in BULK_EVERY_S seconds."""
    limit = math.ceil(settings.MAIL_BULK_PER_MINUTE * BULK_EVERY_S / 60)
    return _send_some(Mail.objects.bulk(), limit=limit)


def _send_some(mails: MailQuerySet, *, limit: int) -> int:
    """Stops at the first sign of a server away.

    Without a mail server, mail waits to be read in the development inbox, and is given up in time.
    """
    if not settings.MAIL_TRANSPORT or _was_away_just_now():
        return 0
    connection = get_connection(settings.MAIL_TRANSPORT)
    outcomes: list[Outcome] = []
    try:
        while len(outcomes) < limit and (mail := claim_next(mails)):
            with log_context.bound(mail=mail.pk, attempt=mail.attempt_count):
                outcomes.append(_send(mail, connection))
            if outcomes[-1] is Outcome.SERVER_AWAY:
                break
    finally:
        connection.close()
    return outcomes.count(Outcome.SENT)


RETENTIONS = [Retention("mail", Mail.objects.all, "created_at", KEEP_FOR)]


def tidy(budget: Budget) -> None:
    waiting = Mail.objects.waiting()
    given_up = waiting.urgent().older_than(GIVE_UP_AFTER).give_up()
    given_up += waiting.bulk().older_than(GIVE_UP_BULK_AFTER).give_up()
    if given_up:
        log.error("mail given up count=%s", given_up)
    for retention in RETENTIONS:
        retention.delete_due(budget)


def _was_away_just_now() -> bool:
    # Another sender has just waited for the server in vain.
    return Mail.objects.waiting().filter(server_away_at__gt=Now() - PROBE_EVERY).exists()


def claim_next(of: MailQuerySet | None = None) -> Mail | None:
    """The mail of these that has been due for longest, ours until its lease ends."""
    # If the server was away when this mail was tried last, this is the probe whether it is back:
    # the other senders hold off meanwhile.
    away = Case(When(server_away_at__isnull=False, then=Now()))
    due = Mail.objects.due() if of is None else of.due()
    mails = due.claim(limit=1, lease=LEASE, server_away_at=away)
    return mails[0] if mails else None


def _send(mail: Mail, connection: BaseEmailBackend) -> Outcome:
    """Hand one mail to the server and note how it went."""
    try:
        connection.send_messages([_message(mail)])
    except UNSENDABLE as error:
        _note_unsendable(mail, error)
        return Outcome.REFUSED
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as no:
        _note_refusal(mail, no)
        return Outcome.REFUSED
    except (smtplib.SMTPException, OSError) as error:
        _note_server_away(mail, error)
        return Outcome.SERVER_AWAY
    # Not fenced by the attempt: it is sent, whoever sent it.
    Mail.objects.waiting().filter(pk=mail.pk).update(
        state=MailState.SENT, sent_at=Now(), server_away_at=None, error="", **Mail.EMPTIED
    )
    log.info("mail sent")
    return Outcome.SENT


def _message(mail: Mail) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        mail.sender,
        mail.recipients,
        # Mail programs fold two copies with one Message-ID into one.
        headers=mail.headers | {"Message-ID": mail.message_id},
    )
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    return message


def _note_refusal(mail: Mail, refusal: smtplib.SMTPException) -> None:
    """The server answers, but does not take this mail: now, or ever."""
    wait = None if _is_permanent(refusal) else WHEN_REFUSED.wait_after(mail.attempt_count)
    Mail.objects.claimed(mail).retry(wait, error=_shortened(refusal))
    log.warning("mail refused next_in=%s", wait)


def _note_unsendable(mail: Mail, error: Exception) -> None:
    wait = WHEN_REFUSED.wait_after(mail.attempt_count)
    Mail.objects.claimed(mail).retry(wait, server_away_at=None, error=_shortened(error))
    log.exception("mail cannot be built next_in=%s", wait)


def _note_server_away(mail: Mail, error: Exception) -> None:
    wait = WHILE_AWAY.wait_after(mail.attempt_count)
    # `server_away_at` keeps the other senders from waiting for it, too.
    Mail.objects.claimed(mail).retry(wait, server_away_at=Now(), error=_shortened(error))
    log.warning("mail server away error=%r", error)


def _is_permanent(refusal: smtplib.SMTPException) -> bool:
    if isinstance(refusal, smtplib.SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _ in refusal.recipients.values())
    return isinstance(refusal, smtplib.SMTPResponseException) and refusal.smtp_code >= PERMANENT


def _shortened(error: Exception) -> str:
    """What support needs to know. A server's own words can name the address, no more than we do."""
    return repr(error)[:MAX_ERROR_LENGTH]
