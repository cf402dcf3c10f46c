"""Credit that people pay for: what was begun at Stripe, and which of its events were handled."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.money import Wallet

MICRO_USD_PER_CENT = 10_000


class PurchaseState(models.TextChoices):
    OPEN = "open", "not paid yet"
    PAID = "paid", "paid"
    FAILED = "failed", "failed"
    EXPIRED = "expired", "not paid in time"


class Purchase(models.Model):
    """One Stripe Checkout session. Its credit is the grant named by `reference`.

    No card or address of a payer is here: Stripe has them, under the ids below.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="purchases")
    amount_cents = models.PositiveIntegerField(help_text="US cents, paid and credited")
    state = models.CharField(max_length=10, choices=PurchaseState, default=PurchaseState.OPEN)
    session_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    payment_intent_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    refunded_cents = models.PositiveIntegerField(
        default=0, help_text="given back to the payer, by us or in Stripe's dashboard"
    )
    created_at = models.DateTimeField(db_default=Now())
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index("wallet", "created_at", name="purchase_of_wallet")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PurchaseState.values), name="purchase_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="paid", paid_at__isnull=False, payment_intent_id__isnull=False)
                | (~Q(state="paid") & Q(paid_at__isnull=True, refunded_cents=0)),
                name="purchase_is_paid_or_not",
            ),
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0, refunded_cents__lte=F("amount_cents")),
                name="purchase_refunds_at_most_what_was_paid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.state})"

    @property
    def reference(self) -> str:
        return f"purchase:{self.pk}"

    @property
    def micro_usd(self) -> int:
        return self.amount_cents * MICRO_USD_PER_CENT

    @property
    def refunded_micro_usd(self) -> int:
        return self.refunded_cents * MICRO_USD_PER_CENT


class StripeEvent(models.Model):
    """An event that was handled; Stripe sends some more than once, and in any order."""

    id = models.CharField(primary_key=True, max_length=255)
    type = models.CharField(max_length=100)
    handled_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "Stripe event"

    def __str__(self) -> str:
        return f"{self.id} ({self.type})"
