"""Mails with a code: how many an address gets, and what people are told beyond that."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from catalog import email_addresses
from catalog.limits import TooOften, mails, wait_in_words

PURPOSE = "code"
# What allauth sends with a code in it; anybody may ask for the first.
TEMPLATES = {
    "account/email/login_code",
    "account/email/email_confirmation",
    "account/email/email_confirmation_signup",
}
USED_UP = (
    "We've sent several codes to this address. The newest one still works, in the browser that "
    "asked for it: check your e-mail and your spam folder. We can send the next code in {wait}."
)
NO_WAIT = " With a passkey, or in a browser where you've signed in before, you don't have to wait."


CROWDED = (
    "Many have asked for a code for this address just now, so we send one mail each half hour."
    " Its code, the one of twelve letters, works here, too: please look for the newest mail."
)
# Of letters that make no words, as in RFC 8628. Whoever asks in the same half hour may guess at the
# same code, from however many networks: 20^12 are too many for all of them.
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
SHARED_LENGTH = 12
GROUP = 4
_SHARED = "accounts.shared_code"


def offer(request: HttpRequest, email: str) -> None:
    """As `check`, but a crowd of strangers keeps nobody out: they share a mail and its code."""
    requester = mails.requester_of(request, email)
    if mails.is_crowded(PURPOSE, email, requester):
        request.META[_SHARED] = shared_code(email, mails.crowd_window())
        messages.info(request, CROWDED)
    else:
        check(request, email)


def shared_code_of(request: HttpRequest) -> str:
    """What `offer` has decided for this request; empty: it gets a code of its own."""
    return str(request.META.get(_SHARED, ""))


def count_shared(request: HttpRequest, email: str) -> bool:
    """Whether the shared mail is still to be sent. Raises TooOften, CannotCount."""
    requester = mails.requester_of(request, email)
    _refuse(mails.count_in_crowd(PURPOSE, email, requester), requester)
    return mails.is_first_of_crowd(PURPOSE, email)


def shared_code(email: str, window: int) -> str:
    """`BCDF-GHJK-LMNP`: the same for all who ask for it in one window; kept nowhere."""
    text = f"{email_addresses.mailbox_of(email)} {window}"
    number = int.from_bytes(salted_hmac(_SHARED, text, algorithm="sha256").digest())
    letters = ""
    for _ in range(SHARED_LENGTH):
        number, index = divmod(number, len(LETTERS))
        letters += LETTERS[index]
    return "-".join(letters[at : at + GROUP] for at in range(0, SHARED_LENGTH, GROUP))


def check(request: HttpRequest, email: str) -> None:
    """Raises TooOften if no code may be sent to the address now, CannotCount."""
    requester = mails.requester_of(request, email)
    _refuse(mails.seconds_to_wait(PURPOSE, email, requester), requester)


def count(request: HttpRequest, email: str) -> None:
    """Count one more. Raises TooOften, CannotCount."""
    requester = mails.requester_of(request, email)
    _refuse(mails.count(PURPOSE, email, requester), requester)


def _refuse(wait_s: int, requester: mails.Requester) -> None:
    if wait_s:
        sentence = USED_UP.format(wait=wait_in_words(wait_s))
        if not requester.browser_id:
            sentence += NO_WAIT
        raise TooOften(sentence, retry_after_s=wait_s)
