"""What this app keeps of a person, for them to take along and to be erased."""

from collections.abc import Sequence
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.models import ApiKey, Entry, Erasure, Gift, Grant, Hold, Purchase, User
from accounts.sign_in import addresses
from catalog.admin.audited import entries_about, scrub, scrub_rows, values_told
from catalog.demand import subscribers
from catalog.infrastructure.retention import delete_some
from catalog.models import Mail

# Named one by one: a column that is added later must not leave unseen.
EMAIL_FIELDS = ["email", "verified", "primary"]
CONNECTED_FIELDS = ["provider", "uid", "extra_data", "date_joined", "last_login"]
SESSION_FIELDS = ["ip", "user_agent", "created_at", "last_seen_at"]
KEY_FIELDS = [
    "name",
    "prefix",
    "last4",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "limit_micro_usd",
    "spent_micro_usd",
]
GRANT_FIELDS = [
    "category",
    "amount_micro_usd",
    "remaining_micro_usd",
    "effective_at",
    "expires_at",
    "voided_at",
    "reference",
]
ENTRY_FIELDS = [
    "kind",
    "reference",
    "model",
    "balance_effect_micro_usd",
    "held_effect_micro_usd",
    "note",
    "created_at",
]
PURCHASE_FIELDS = [
    "amount_cents",
    "refunded_cents",
    "state",
    "payment_intent_id",
    "created_at",
    "paid_at",
]
GIFT_FIELDS = ["category", "amount_micro_usd", "state", "note", "created_at", "decided_at"]
MAIL_FIELDS = ["subject", "state", "created_at"]


def export(user: User) -> dict[str, object]:
    # No secret is in it: not a key's hash, not a passkey's credential.
    return {
        "person": {
            "email": user.email,
            "joined": user.date_joined,
            "last_sign_in": user.last_login,
            "is_staff": user.is_staff,
            "suspended_since": user.suspended_at,
            "suspended_because": user.suspension_reason,
            "mail_below_micro_usd": user.low_balance_micro_usd,
            "groups": list(user.groups.values_list("name", flat=True)),
        },
        "addresses": _rows(EmailAddress.objects.filter(user=user), EMAIL_FIELDS),
        "sign_in_methods": [_method(method) for method in Authenticator.objects.filter(user=user)],
        "connected_accounts": _rows(SocialAccount.objects.filter(user=user), CONNECTED_FIELDS),
        "sessions": _rows(UserSession.objects.filter(user=user), SESSION_FIELDS),
        "api_keys": _rows(ApiKey.objects.filter(user=user), KEY_FIELDS),
        "credit": {
            "grants": _rows(Grant.objects.filter(wallet__user=user), GRANT_FIELDS),
            "gifts": _rows(Gift.objects.filter(wallet__user=user), GIFT_FIELDS),
            "purchases": _rows(Purchase.objects.filter(wallet__user=user), PURCHASE_FIELDS),
            "ledger": _rows(Entry.objects.filter(wallet__user=user).order_by("pk"), ENTRY_FIELDS),
        },
        "mail_to_you": _rows(Mail.objects.to_any(_addresses(user)), MAIL_FIELDS),
    }


def _rows(rows: "QuerySet[Any]", fields: Sequence[str]) -> list[dict[str, object]]:
    return list(rows.values(*fields))


def close(user: User) -> list[str]:
    ApiKey.objects.filter(user=user, revoked_at=None).update(revoked_at=Now())
    # Any: most of them are allauth's, which is untyped.
    models: list[Any] = [ApiKey, EmailAddress, SocialAccount, Authenticator, UserSession]
    for model in models:
        # What the admin's history calls them may be a name: of a key, of an account elsewhere.
        scrub_rows(model.objects.filter(user=user))
    # Addresses of before are known from there only. Elsewhere they may be somebody else's by now.
    about = entries_about(user)
    named = {*values_told(about, "email"), *about.values_list("object_repr", flat=True)}
    scrub(sorted(named), f"person {user.pk}", entries=about)
    return _addresses(user)


def erase(erasure: Erasure, limit: int) -> int:
    """The rest goes with the person's row, by the database's own rules."""
    user = erasure.user
    # Of keys that are about to go: the cascade would take all of them in one statement.
    holds = Hold.objects.filter(key__user=user).values("pk")[:limit]
    return delete_some(Mail.objects.to_any(erasure.addresses), limit) or Hold.objects.filter(
        pk__in=holds
    ).update(key=None)


def _addresses(user: User) -> list[str]:
    """Those whose mail is this person's: what an account merely names is somebody else's."""
    own = subscribers.confirmed_addresses(user)
    # An account that was made by a command, or for a code that nobody has typed.
    is_unclaimed = addresses.person_at(user.email) == user
    return list({*own, user.email}) if is_unclaimed else own


def _method(method: Authenticator) -> dict[str, object]:
    # An authenticator app's data is its secret, and has no name.
    name = method.data.get("name", "") if method.type == Authenticator.Type.WEBAUTHN else ""
    return {
        "type": method.get_type_display(),
        "name": name,
        "created": method.created_at,
        "last_used": method.last_used_at,
    }
