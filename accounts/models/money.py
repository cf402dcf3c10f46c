"""Wallets, the credit put into them, what is held, and the ledger that proves it.

All sums are whole micro-dollars (µ$). accounts.credits is the only writer. Whoever changes a
wallet, its grants or its holds has locked the wallet's row first, so a wallet's entries are
numbered in the order in which they happened.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


def model_name() -> "models.CharField[str, str]":
    """The column that says which model credit was for: owner/name, empty for none.

    A name rather than a key: the ledger outlives jobs and cards, and says what it said.
    """
    return models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="owner/name of the model"
    )


class Wallet(models.Model):
    """A person's credit. It outlives the person: the history of money stays, without the name."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="wallet"
    )
    balance_micro_usd = models.BigIntegerField(default=0, help_text="what the grants have left")
    held_micro_usd = models.BigIntegerField(default=0, help_text="of it, promised to open holds")
    # Here, and not only on the person: a hold that waits for this row sees it change.
    is_frozen = models.BooleanField(
        default=False, db_default=False, help_text="nothing new is held: its person is suspended"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Overspending is impossible by this, whatever the verbs do; they only say it politely.
            models.CheckConstraint(
                condition=Q(held_micro_usd__gte=0, balance_micro_usd__gte=F("held_micro_usd")),
                name="wallet_is_never_overdrawn",
            ),
        ]

    def __str__(self) -> str:
        return f"wallet {self.pk}"


class Category(models.TextChoices):
    WELCOME = "welcome", "free credit"
    LAUNCH = "launch", "launch credit"
    PURCHASE = "purchase", "purchase"
    PROMOTION = "promotion", "promotion"
    ADJUSTMENT = "adjustment", "adjustment"

    @property
    def priority(self) -> int:
        # Lower is spent first: gifts before what somebody paid for.
        return {Category.PURCHASE: 80, Category.ADJUSTMENT: 50}.get(self, 20)


# The rule of unspent() and ended(), for statements by hand that have a row called "wallet".
HAS_ENDED_GRANT = """EXISTS (
    SELECT FROM accounts_grant AS ended
    WHERE ended.wallet_id = wallet.id AND ended.remaining_micro_usd > 0
        AND (ended.expires_at <= statement_timestamp() OR ended.voided_at IS NOT NULL)
)"""


class GrantQuerySet(models.QuerySet["Grant"]):
    """`Grant.objects.unspent().ended(now)`"""

    def unspent(self) -> "GrantQuerySet":
        return self.filter(remaining_micro_usd__gt=0)

    def ended(self, now: datetime | Now) -> "GrantQuerySet":
        return self.filter(Q(expires_at__lte=now) | Q(voided_at__isnull=False))


class Grant(models.Model):
    """Credit that was given once; `remaining_micro_usd` is what is left of it."""

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="grants")
    category = models.CharField(max_length=10, choices=Category)
    amount_micro_usd = models.BigIntegerField()
    remaining_micro_usd = models.BigIntegerField()
    priority = models.PositiveSmallIntegerField(help_text="lower is spent first")
    effective_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    # Whoever grants names the reason, so that a repeated grant is the same one: welcome:<hash>.
    reference = models.CharField(max_length=100, unique=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        indexes = [
            # Spent grants pile up, and only these are ever looked for.
            models.Index("wallet", name="grant_left", condition=Q(remaining_micro_usd__gt=0)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(category__in=Category.values), name="grant_category_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    amount_micro_usd__gt=0,
                    remaining_micro_usd__gte=0,
                    remaining_micro_usd__lte=F("amount_micro_usd"),
                ),
                name="grant_has_left_what_it_can_have",
            ),
            # Two addresses of one person are two references.
            models.UniqueConstraint(
                fields=["wallet"], condition=Q(category="welcome"), name="grant_welcomes_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category}, {self.remaining_micro_usd} of {self.amount_micro_usd} µ$"

    @property
    def ended_at(self) -> datetime | None:
        # When it can no longer be spent: voided or run out, whichever came first.
        return min(filter(None, (self.voided_at, self.expires_at)), default=None)


class HoldState(models.TextChoices):
    OPEN = "open", "open"
    CAPTURED = "captured", "captured"
    RELEASED = "released", "released"


class HoldQuerySet(models.QuerySet["Hold"]):
    def open(self) -> "HoldQuerySet":
        return self.filter(state=HoldState.OPEN)


class Hold(models.Model):
    """Credit set aside for work that is not done yet."""

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="holds")
    # Keys go with their person, what was held by them stays.
    key = models.ForeignKey(
        "accounts.ApiKey", models.SET_NULL, null=True, blank=True, related_name="holds"
    )
    reference = models.CharField(max_length=100, unique=True, help_text="what it is for: job:<id>")
    model = model_name()
    note = models.CharField(
        max_length=200, blank=True, db_default="", help_text="what it is for, in words: 12 images"
    )
    amount_micro_usd = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=HoldState, default=HoldState.OPEN)
    captured_micro_usd = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        indexes = [
            # All but a few holds have ended.
            models.Index("wallet", name="hold_open", condition=Q(state="open")),
            models.Index(
                "expires_at",
                name="hold_open_until",
                condition=Q(state="open", expires_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_micro_usd__gte=0), name="hold_is_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(state="open", captured_micro_usd__isnull=True, settled_at__isnull=True)
                | Q(state="released", captured_micro_usd__isnull=True, settled_at__isnull=False)
                | Q(
                    state="captured",
                    captured_micro_usd__gte=0,
                    captured_micro_usd__lte=F("amount_micro_usd"),
                    settled_at__isnull=False,
                ),
                name="hold_is_open_captured_or_released",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference}, {self.amount_micro_usd} µ$ ({self.state})"


class EntryKind(models.TextChoices):
    # The labels stand on the statement.
    GRANT = "grant", "credit"
    HOLD = "hold", "held"
    CAPTURE = "capture", "spent"
    RELEASE = "release", "released"
    EXPIRE = "expire", "expired"
    ADJUST = "adjust", "taken back"
    REFUND = "refund", "refunded"


class Entry(models.Model):
    """One line of the ledger, written once: a trigger refuses to change or delete it.

    The two effects summed over a wallet's entries are its balance and what it holds.
    """

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=EntryKind)
    # Longer than a grant's: taking back in steps appends what was left (credits.expiry).
    reference = models.CharField(max_length=130)
    model = model_name()
    balance_effect_micro_usd = models.BigIntegerField(default=0)
    held_effect_micro_usd = models.BigIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index("wallet", "id", name="entry_of_wallet"),
            # Launches are few: nothing of what the API writes is in it.
            models.Index("model", name="entry_of_launch", condition=Q(kind="grant") & ~Q(model="")),
            # Who called a model lately: lines are appended in order, so a few pages say where the
            # last 90 days are, and the API's writes cost nothing for it.
            BrinIndex(fields=["created_at"], name="entry_by_day", autosummarize=True),
        ]
        constraints = [
            # What makes each verb repeatable: nothing is entered twice.
            models.UniqueConstraint(fields=["kind", "reference"], name="entry_once_per_kind"),
            # A job may cost nothing, so holds and captures may be of 0; nobody grants 0.
            models.CheckConstraint(
                condition=Q(kind="grant", balance_effect_micro_usd__gt=0, held_effect_micro_usd=0)
                | Q(kind="hold", balance_effect_micro_usd=0, held_effect_micro_usd__gte=0)
                | Q(
                    kind="capture",
                    balance_effect_micro_usd__lte=0,
                    balance_effect_micro_usd__gte=F("held_effect_micro_usd"),
                )
                | Q(kind="release", balance_effect_micro_usd=0, held_effect_micro_usd__lte=0)
                | Q(
                    kind__in=["expire", "adjust", "refund"],
                    balance_effect_micro_usd__lt=0,
                    held_effect_micro_usd=0,
                ),
                name="entry_signs_fit_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"
