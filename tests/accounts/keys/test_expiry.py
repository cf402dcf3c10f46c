"""Keys that run out: their owners are mailed before, and whoever holds one is told so."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, User
from catalog.infrastructure.retention import Budget


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


def key_that_ends_in(user: User, name: str, days: float) -> tuple[ApiKey, str]:
    return keys.issue(user, name=name, expires_at=timezone.now() + timedelta(days=days))


def test_the_owner_is_mailed_once_within_a_week_of_the_end(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    key, _ = key_that_ends_in(ada, "laptop", 6.5)
    key_that_ends_in(ada, "later", 7.5)
    keys.issue(ada, name="never")

    assert keys.mail_before_expiry(Budget(5)) == 1
    assert keys.mail_before_expiry(Budget(5)) == 0

    [mail] = mailoutbox
    assert mail.to == [ada.email]
    assert mail.subject.startswith("Your API key “laptop” expires on ")
    assert f"{key.prefix}…{key.last4}" in str(mail.body)
    assert "/account/keys/" in str(mail.body)


def test_nobody_is_mailed_of_a_key_that_has_ended(ada: User) -> None:
    revoked, _ = key_that_ends_in(ada, "revoked", 2)
    keys.revoke(revoked)
    key_that_ends_in(ada, "expired", 2)
    ApiKey.objects.filter(name="expired").update(expires_at=timezone.now() - timedelta(1))

    assert keys.mail_before_expiry(Budget(5)) == 0


def test_an_expired_key_is_known_by_its_secret_and_a_revoked_one_is_not(ada: User) -> None:
    key, secret = key_that_ends_in(ada, "laptop", 1)
    assert keys.find_expired(secret) is None
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(1))

    assert keys.find_expired(secret) == key
    assert keys.find_expired("gr_live_" + "x" * 49) is None
    keys.revoke(key)
    assert keys.find_expired(secret) is None


def test_keys_never_expire_unless_that_is_asked_for(ada: User) -> None:
    assert keys.issue(ada, name="laptop")[0].expires_at is None
