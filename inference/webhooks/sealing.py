"""Secrets that sign what we send: made here, and kept sealed.

A hash would not do, as for API keys: to sign, the secret itself is needed. So it is encrypted with
a key made of SECRET_KEY: whoever has the database alone, or a copy of it, has no secret. When
SECRET_KEY is replaced, SECRET_KEY_FALLBACKS goes on opening what was sealed before.
"""

import base64
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

PREFIX = "whsec_"
RANDOM_BYTES = 32


class CannotUnseal(Exception):
    pass


def new_secret() -> str:
    # As Standard Webhooks spells it: `whsec_` and base64.
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises CannotUnseal."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise CannotUnseal from error


def _box() -> MultiFernet:
    """Seals with the first key and opens with any."""
    return MultiFernet(
        [_key_of(each) for each in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


def _key_of(secret_key: str) -> Fernet:
    digest = salted_hmac("inference.webhooks", "seal", secret_key, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(digest))
