"""API keys: the secret itself is not here, only what recognizes it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

# The rule of active(), for statements by hand that have a row called "key".
KEY_IS_ACTIVE = """(
    key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > statement_timestamp())
)"""


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """`ApiKey.objects.of(user).active()`"""

    def of(self, user_id: int) -> "ApiKeyQuerySet":
        return self.filter(user=user_id)

    def active(self) -> "ApiKeyQuerySet":
        unending = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(unending, revoked_at__isnull=True)


class ApiKey(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=16, help_text="how the secret begins")
    last4 = models.CharField(max_length=4, help_text="how the secret ends")
    # A slow, salted hash would add nothing: 256 random bits cannot be guessed, and each request
    # looks its key up by this.
    sha256 = models.CharField(max_length=64, unique=True, editable=False)

    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    expiry_mailed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="its owner was told that it will end"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to the minute")

    limit_micro_usd = models.BigIntegerField(
        null=True, blank=True, help_text="most it may ever spend; empty: whatever there is"
    )
    # Kept here and not summed up: a key's limit is checked with each request.
    spent_micro_usd = models.BigIntegerField(default=0)
    held_micro_usd = models.BigIntegerField(default=0)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        indexes = [
            models.Index(
                "expires_at",
                name="key_expiry_not_mailed",
                condition=Q(
                    expires_at__isnull=False,
                    expiry_mailed_at__isnull=True,
                    revoked_at__isnull=True,
                ),
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(spent_micro_usd__gte=0, held_micro_usd__gte=0),
                name="key_sums_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(limit_micro_usd__isnull=True)
                | Q(limit_micro_usd__gte=F("spent_micro_usd") + F("held_micro_usd")),
                name="key_stays_within_its_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    @property
    def left_micro_usd(self) -> int | None:
        """What the key may still spend; None: no limit of its own."""
        if self.limit_micro_usd is None:
            return None
        return self.limit_micro_usd - self.spent_micro_usd - self.held_micro_usd

    @property
    def status(self) -> str:
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= timezone.now():
            return "expired"
        return "active"
