"""The verbs of API keys: issue, find, revoke.

A secret is `gr_live_`, 43 random characters (256 bits in base 62) and a 6-character checksum, so
that a typing mistake costs no query and a scanner knows a leaked key when it sees one.

NotIssued           root; `str(error)` is a sentence for people
    TooManyKeys     the person has as many active keys as there may be
    AlreadyShown    the form was sent before, and its secret shown
"""

import hashlib
import logging
import re
import secrets
import string
import zlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import ApiKey, User
from accounts.models.keys import KEY_IS_ACTIVE
from catalog.infrastructure import prepared

log = logging.getLogger(__name__)

PREFIX = "gr_live_"
RANDOM_LENGTH = 43
CHECKSUM_LENGTH = 6
MAX_ACTIVE_KEYS = 20
SECRET_SHOWN_AGAIN_FOR = timedelta(minutes=1)
LAST_USED_RESOLUTION = timedelta(minutes=1)
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# Of a person, as the admin may have raised them.
LIMITS = ("max_calls_in_flight", "max_calls_per_minute", "max_images_per_minute")
# Every request of the API asks this; the ORM would write it anew each time.
FIND = f"""
SELECT {prepared.columns(ApiKey, "key")}, person.max_calls_in_flight, person.max_calls_per_minute,
    person.max_images_per_minute
FROM accounts_apikey AS key JOIN accounts_user AS person ON person.id = key.user_id
WHERE key.sha256 = %s AND {KEY_IS_ACTIVE} AND person.is_active
"""  # noqa: S608  a rule of ours, no value
SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


class NotIssued(Exception):
    pass


class TooManyKeys(NotIssued):
    """Revoking one makes room."""


class AlreadyShown(NotIssued):
    pass


def issue(
    user: User,
    *,
    name: str,
    expires_at: datetime | Combinable | None = None,
    limit_micro_usd: int | None = None,
    idempotency_key: str = "",
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can read again. Raises NotIssued.

    For a minute the same `idempotency_key` gives the same key and secret.
    """
    # A double click sends the form twice, and the browser shows the second response: it, too,
    # must have the secret.
    secret = _secret(_random_bytes(user, idempotency_key))
    key = _new_key(user, secret, name=name)
    key.limit_micro_usd = limit_micro_usd
    if expires_at is not None:
        key.expires_at = expires_at  # an expression, until it is saved
    try:
        with transaction.atomic():
            # The person's row is the gate: two keys at once must not both be the twentieth.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            _save(key)
    except IntegrityError:
        return _issued_before(key), secret
    log.info("key issued id=%s user=%s", key.pk, user.pk)
    return key, secret


def _new_key(user: User, secret: str, *, name: str) -> ApiKey:
    return ApiKey(
        user=user,
        name=name,
        prefix=secret[: len(PREFIX) + 4],
        last4=secret[-4:],
        sha256=_sha256(secret),
    )


def _random_bytes(user: User, idempotency_key: str) -> bytes:
    """32 bytes."""
    if not idempotency_key:
        return secrets.token_bytes(32)
    # Reproducible, but only for whoever has this person's form and SECRET_KEY.
    text = f"{user.pk} {idempotency_key}"
    return salted_hmac("accounts.keys", text, settings.SECRET_KEY, algorithm="sha256").digest()


def _save(key: ApiKey) -> None:
    active = ApiKey.objects.of(key.user_id).active().exclude(sha256=key.sha256)
    if active.count() >= MAX_ACTIVE_KEYS:
        raise TooManyKeys(
            f"You already have {MAX_ACTIVE_KEYS} active keys, the most allowed. Revoke one first."
        )
    key.save(force_insert=True)
    key.refresh_from_db(fields=["expires_at"])


def _issued_before(key: ApiKey) -> ApiKey:
    recent = ApiKey.objects.active().filter(created_at__gt=Now() - SECRET_SHOWN_AGAIN_FOR)
    existing = recent.filter(sha256=key.sha256).first()
    if existing is None:
        raise AlreadyShown(
            "This form already created a key, and its secret was shown then. Create another one."
        )
    return existing


def find(secret: str) -> ApiKey | None:
    """The key of this secret, with its user; None, whatever is wrong with it.

    Call it outside a transaction: it writes the last use, and wallets are locked before keys.
    """
    # The checksum spares the database what is no key at all: typos, and other services' secrets.
    if not is_well_formed(secret):
        return None
    key = prepared.instance(ApiKey, FIND, [_sha256(secret)])
    if key:
        # With what each call needs: Django reads the rest if a view asks for it, and few do.
        known = {"id": key.user_id} | {name: vars(key)[name] for name in LIMITS}
        key.user = User.from_db(key._state.db, list(known), list(known.values()))
        _touch(key)
    return key


def find_expired(secret: str) -> ApiKey | None:
    """A key that ran out by itself: whoever has its secret may know that. Not a revoked one.

    A revoked key may be in the wrong hands, and those learn nothing.
    """
    if not is_well_formed(secret):
        return None
    ended = ApiKey.objects.filter(revoked_at__isnull=True, expires_at__lte=Now())
    return ended.filter(sha256=_sha256(secret), user__is_active=True).first()


def find_suspended(secret: str) -> ApiKey | None:
    """A key that would work if its person were not suspended, whose reason its owner may read."""
    if not is_well_formed(secret):
        return None
    active = ApiKey.objects.active().exclude(user__suspension_reason="")
    return active.select_related("user").filter(sha256=_sha256(secret)).first()


def _touch(key: ApiKey) -> None:
    # At most once a minute: a busy key would otherwise be rewritten with each request.
    if key.last_used_at and key.last_used_at > timezone.now() - LAST_USED_RESOLUTION:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - LAST_USED_RESOLUTION)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=Now())


def revoke(key: ApiKey) -> bool:
    """End a key at once; what it holds may still be captured. False: it was revoked before."""
    revoked = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=Now())
    if revoked:
        log.info("key revoked id=%s user=%s", key.pk, key.user_id)
    return bool(revoked)


def revoke_all(user: User) -> int:
    """End every key of a person at once; how many there were."""
    revoked = ApiKey.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=Now())
    log.info("keys revoked user=%s count=%s", user.pk, revoked)
    return revoked


def is_well_formed(secret: str) -> bool:
    # Says nothing about whether the key exists.
    if not SHAPE.fullmatch(secret):
        return False
    return secret[-CHECKSUM_LENGTH:] == _checksum(secret[:-CHECKSUM_LENGTH])


def _secret(random: bytes) -> str:
    body = PREFIX + _base62(int.from_bytes(random), RANDOM_LENGTH)
    return body + _checksum(body)


def _checksum(body: str) -> str:
    """CRC32 in base 62.

    >>> _checksum("gr_live_")
    '2eYMyx'
    """
    return _base62(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
