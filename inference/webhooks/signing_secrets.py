"""Secrets that sign webhooks: made here, and kept encrypted.

A hash would not do, as for API keys: to sign, the secret itself is needed. So it is encrypted with
a key made of SECRET_KEY: whoever has the database alone, or a copy of it, has no secret. When
SECRET_KEY is replaced, SECRET_KEY_FALLBACKS goes on decrypting what is there.
"""

import base64
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

PREFIX = "whsec_"
RANDOM_BYTES = 32


class CannotDecrypt(Exception):
    pass


def new_secret() -> str:
    # As Standard Webhooks spells it: `whsec_` and base64.
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def of_key(key_id: int) -> str:
    """What signs for addresses that calls of an API key name; another key has another one."""
    digest = salted_hmac(
        "inference.webhooks", f"calls of key {key_id}", settings.SECRET_KEY, algorithm="sha256"
    ).digest()
    return PREFIX + base64.b64encode(digest).decode()


def encrypt(secret: str) -> str:
    return _fernet().encrypt(secret.encode()).decode()


def decrypt(encrypted: str) -> str:
    """Raises CannotDecrypt."""
    try:
        return _fernet().decrypt(encrypted.encode()).decode()
    except InvalidToken as error:
        raise CannotDecrypt from error


def _fernet() -> MultiFernet:
    # It encrypts with the first key and decrypts with any.
    secret_keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([_key_of(secret_key) for secret_key in secret_keys])


def _key_of(secret_key: str) -> Fernet:
    # The salt is part of what encrypted the rows in the database: it must not change.
    digest = salted_hmac("inference.webhooks", "seal", secret_key, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(digest))
