"""What this app keeps of a person, for them to take along and to be erased."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession

from accounts.models import ApiKey, Entry, Grant, User
from catalog.models import Mail


def export(user: User) -> dict[str, object]:
    """No secret is in it: not a key's hash, not a passkey's credential."""
    return {
        "person": {
            "email": user.email,
            "joined": user.date_joined,
            "last_sign_in": user.last_login,
        },
        "addresses": list(
            EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
        ),
        "sign_in_methods": [_method(each) for each in Authenticator.objects.filter(user=user)],
        "connected_accounts": list(
            SocialAccount.objects.filter(user=user).values(
                "provider", "uid", "extra_data", "date_joined", "last_login"
            )
        ),
        "sessions": list(
            UserSession.objects.filter(user=user).values("ip", "user_agent", "created_at")
        ),
        "api_keys": list(
            ApiKey.objects.filter(user=user).values(
                "name",
                "prefix",
                "last4",
                "created_at",
                "expires_at",
                "revoked_at",
                "last_used_at",
                "limit_micro_usd",
                "spent_micro_usd",
            )
        ),
        "credit": {
            "grants": list(
                Grant.objects.filter(wallet__user=user).values(
                    "category",
                    "amount_micro_usd",
                    "remaining_micro_usd",
                    "effective_at",
                    "expires_at",
                    "voided_at",
                    "reference",
                )
            ),
            "ledger": list(
                Entry.objects.filter(wallet__user=user)
                .order_by("pk")
                .values(
                    "kind",
                    "reference",
                    "model",
                    "balance_effect_micro_usd",
                    "held_effect_micro_usd",
                    "note",
                    "created_at",
                )
            ),
        },
        "mail_to_you": list(
            Mail.objects.to_any(_addresses(user)).values("subject", "state", "created_at")
        ),
    }


def erase(user: User) -> None:
    """The rest goes with the person's row, by the database's own rules."""
    Mail.objects.to_any(_addresses(user)).delete()


def _addresses(user: User) -> list[str]:
    listed = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    return [user.email, *listed]


def _method(held: Authenticator) -> dict[str, object]:
    name = held.data.get("name", "") if held.type == Authenticator.Type.WEBAUTHN else ""
    return {
        "type": held.get_type_display(),
        "name": name,
        "created": held.created_at,
        "last_used": held.last_used_at,
    }
