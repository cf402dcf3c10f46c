"""Mails with a code: how many an address gets, and what people are told beyond that."""

from django.http import HttpRequest

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
