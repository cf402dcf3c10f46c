"""What the operator did with people's credit, and how the nightly check of the ledger went."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.money import Wallet


class Verb(models.TextChoices):
    ADD = "add", "add credit"
    TAKE = "take", "take credit back"
    VOID = "void", "void a grant"
    REFUND = "refund", "refund a purchase"


class CreditAction(models.Model):
    """One deed at the money desk. Its id comes with the form, so that a form sent twice acts once.

    The ledger's lines name it by `reference`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="credit_actions")
    verb = models.CharField(max_length=10, choices=Verb)
    amount_micro_usd = models.BigIntegerField(help_text="as it was done, in µ$")
    reason = models.CharField(max_length=150, help_text="stands on the customer's statement")
    about = models.CharField(
        max_length=100, blank=True, help_text="the reference of the grant that it was done to"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    done_at = models.DateTimeField(db_default=Now())
    refund_id = models.CharField(max_length=255, blank=True, help_text="Stripe's id of a refund")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="credit_verb_is_known"),
            models.CheckConstraint(
                condition=Q(amount_micro_usd__gte=0), name="credit_action_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.pk}"

    @property
    def reference(self) -> str:
        return f"operator:{self.pk}"


class LedgerCheck(models.Model):
    """One comparison of all wallets with the ledger (accounts.credits.ledger)."""

    checked_at = models.DateTimeField(db_default=Now())
    wallets = models.PositiveIntegerField()
    entries = models.PositiveBigIntegerField()
    differences = models.PositiveIntegerField()
    difference_micro_usd = models.BigIntegerField(help_text="of all differences, without signs")

    class Meta:
        get_latest_by = ["checked_at", "pk"]

    def __str__(self) -> str:
        return f"{self.differences} differences at {self.checked_at}"
