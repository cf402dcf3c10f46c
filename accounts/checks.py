"""What must hold of the settings before people can sign in on a real site."""

from typing import Any

from django.conf import settings
from django.core import checks

NOT_SENT = {"console", "dummy", "locmem", "filebased"}


def mail_is_sent(**_: Any) -> list[checks.CheckMessage]:
    # On a real site the sign-in codes must not end in a log.
    # django.core.mail.backends.console.EmailBackend -> console
    kind = settings.MAIL_TRANSPORT.rpartition(".")[0].rpartition(".")[2]
    if kind and kind not in NOT_SENT:
        return []
    hint = "Set EMAIL_URL, as in smtp+tls://user:password@host:587."
    return [
        checks.Warning("Mail is not sent, so nobody can sign in.", hint=hint, id="accounts.W001")
    ]


def payments_are_credited(**_: Any) -> list[checks.CheckMessage]:
    """Whoever pays must get their credit, and not by a test card."""
    key, secret = settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET
    found: list[checks.CheckMessage] = []
    if key and not secret.startswith("whsec_"):
        hint = "Set STRIPE_WEBHOOK_SECRET to the signing secret of the endpoint, whsec_..."
        sentence = "Stripe's webhook cannot be verified, so payments are credited late."
        found.append(checks.Error(sentence, hint=hint, id="accounts.E003"))
    if key.startswith(("sk_test_", "rk_test_")):
        hint = "Set STRIPE_SECRET_KEY to a live key."
        sentence = "Credit can be bought with Stripe's test cards."
        found.append(checks.Warning(sentence, hint=hint, id="accounts.W004"))
    if secret and not key:
        hint = "Set STRIPE_SECRET_KEY, or leave both unset."
        sentence = "A webhook secret without a key: nobody can pay."
        found.append(checks.Warning(sentence, hint=hint, id="accounts.W005"))
    return found


def admin_has_second_factor(**_: Any) -> list[checks.CheckMessage]:
    # Whoever reads the operator's mail would have the whole site otherwise.
    if settings.ADMIN_SECOND_FACTOR:
        return []
    hint = "Leave ADMIN_SECOND_FACTOR unset; docs/sign-in.md says how staff set theirs up."
    sentence = "The admin opens without a second factor."
    return [checks.Warning(sentence, hint=hint, id="accounts.W002")]
