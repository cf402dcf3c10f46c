"""Credit that the site gives away: given at once within a budget, else by the operator's click."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.money import Category, Wallet, model_name


class GiftState(models.TextChoices):
    WAITING = "waiting", "waiting for a check"
    GIVEN = "given", "given"
    REFUSED = "refused", "refused"


class WaitReason(models.TextChoices):
    """Which bound a gift was beyond; the label is for the operator."""

    NETWORK = "network", "many from one network today"
    DOMAIN = "domain", "many from one mail domain today"
    THROWAWAY = "throwaway", "a mail domain for throwaway addresses"
    DAY = "day", "the day's budget is spent"


class Gift(models.Model):
    """One gift to one person, and what was decided about it. It outlives the person's account."""

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="gifts")
    category = models.CharField(
        max_length=10, choices=[(c.value, c.label) for c in (Category.WELCOME, Category.LAUNCH)]
    )
    amount_micro_usd = models.BigIntegerField()
    valid_for = models.DurationField()
    # The grant's own, so that a gift that is offered again is the same one.
    reference = models.CharField(max_length=100, unique=True)
    model = model_name()
    note = models.CharField(max_length=200, blank=True)
    # Keyed hashes: they name nobody, and count together what came from one place.
    network_sha256 = models.CharField(max_length=64, blank=True)
    domain_sha256 = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=10, choices=GiftState, default=GiftState.WAITING)
    wait_reason = models.CharField(max_length=10, choices=WaitReason, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty: given at once, within the budget",
    )

    class Meta:
        indexes = [
            # What counts against the budget.
            models.Index(
                fields=["category", "decided_at"],
                condition=Q(state="given", wait_reason=""),
                name="gift_given_at_once",
            ),
            models.Index(fields=["created_at"], condition=Q(state="waiting"), name="gift_waiting"),
        ]
        constraints = [
            # Two addresses of one person are two references.
            models.UniqueConstraint(
                fields=["wallet"], condition=Q(category="welcome"), name="gift_welcomes_once"
            ),
            models.CheckConstraint(condition=Q(amount_micro_usd__gt=0), name="gift_is_something"),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True)
                | Q(state__in=["given", "refused"], decided_at__isnull=False),
                name="gift_waits_or_is_decided",
            ),
            models.CheckConstraint(
                condition=Q(state="given") | ~Q(wait_reason=""), name="gift_waits_for_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_category_display()} of {self.amount_micro_usd} µ$ ({self.state})"
