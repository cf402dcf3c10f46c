"""Browsers in which somebody has shown to read the mail of an address.

A signed cookie remembers it for a year: a random id, and per address a keyed hash of both. It names
no address, lets nobody in, and says nothing to whoever does not know the address already. It only
keeps its owner's share of mails apart from what strangers ask for in their name.
"""

import base64
import secrets
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.conf import settings
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from catalog import email_addresses

LIFETIME = timedelta(days=365)
SALT = "known_browser"
MAX_ADDRESSES = 10
HASH_BYTES = 12


def id_of(request: HttpRequest, email: str) -> str:
    """The random id of a browser that is known for this address; empty: it is not."""
    browser_id, hashes = _read(request)
    expected = list(_hashes(browser_id, email))
    is_known = any(
        constant_time_compare(kept, possible) for kept in hashes for possible in expected
    )
    return browser_id if is_known else ""


def remember(request: HttpRequest, response: HttpResponse, emails: Iterable[str]) -> None:
    """Let the browser be known for these addresses, too; the least recent of many are forgotten."""
    browser_id, hashes = _read(request)
    browser_id = browser_id or secrets.token_urlsafe(12)
    new = [next(_hashes(browser_id, email)) for email in emails]
    kept = list(dict.fromkeys([*new, *hashes]))[:MAX_ADDRESSES]
    response.set_signed_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        ".".join([browser_id, *kept]),
        salt=SALT,
        max_age=LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse) -> None:
    response.delete_cookie(settings.KNOWN_BROWSER_COOKIE_NAME, samesite="Lax")


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        value = request.get_signed_cookie(
            settings.KNOWN_BROWSER_COOKIE_NAME, default="", salt=SALT, max_age=LIFETIME
        )
    except BadSignature:  # also of a cookie that is too old
        value = ""
    browser_id, *hashes = (value or "").split(".")
    return browser_id, hashes


def _hashes(browser_id: str, email: str) -> Iterator[str]:
    """By the key of today, then by those before it."""
    text = f"{browser_id} {email_addresses.mailbox_of(email)}"
    for key in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        digest = salted_hmac(SALT, text, key, algorithm="sha256").digest()
        yield base64.urlsafe_b64encode(digest[:HASH_BYTES]).decode()
