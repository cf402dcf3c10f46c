"""Who wants which model: votes, the waitlist, and requests for models the catalog lacks."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from catalog.models.cards import ModelCard


class VoteQuerySet(models.QuerySet["Vote"]):
    def counted(self) -> "VoteQuerySet":
        """Without those that were set aside as not a person's own."""
        return self.filter(is_set_aside=False)


class Vote(models.Model):
    """One person wants one model. The vote outlives the account, and then names nobody."""

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="votes")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="votes"
    )
    # One mailbox counts once: whoever deletes the account and comes back finds the vote again.
    mailbox = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="keyed hash by which it is known again; names nobody",
    )
    # Shown in sums only: it may be a trade secret.
    images_per_month = models.BigIntegerField(null=True, blank=True)
    voted_at = models.DateTimeField(db_default=Now())
    is_set_aside = models.BooleanField(
        default=False, help_text="not counted: cast by a machine, or many by one person"
    )

    objects: ClassVar[VoteQuerySet] = VoteQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["card", "user"], name="vote_one_per_person"),
            models.UniqueConstraint(
                fields=["card", "mailbox"],
                condition=~Q(mailbox=""),
                name="vote_one_per_mailbox",
            ),
            models.CheckConstraint(
                condition=Q(images_per_month__isnull=True)
                | Q(images_per_month__gt=0, images_per_month__lte=10**12),
                name="vote_volume_is_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} wants {self.card_id}"


class Subscriber(models.Model):
    """One address that waits for models, with or without an account."""

    email = models.EmailField()
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="subscriber",
        help_text="who signed up with the address since",
    )
    # Random, in the links of mails: whoever reads the address's mail may leave.
    key = models.UUIDField(unique=True)
    created_at = models.DateTimeField(db_default=Now())
    unsubscribed_at = models.DateTimeField(
        null=True, blank=True, help_text="wants no mail of any model, voted for or waited for"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="subscriber_email_unique_ignoring_case"),
        ]

    def __str__(self) -> str:
        return self.email


class EntryQuerySet(models.QuerySet["WaitlistEntry"]):
    def waiting(self) -> "EntryQuerySet":
        # The index `waitlist_line` has this very condition.
        return self.filter(confirmed_at__isnull=False, left_at__isnull=True)

    def unconfirmed(self) -> "EntryQuerySet":
        return self.filter(confirmed_at__isnull=True, left_at__isnull=True)


class WaitlistEntry(models.Model):
    """An address on the waitlist of a model, at the position of its confirmation.

    Requested, confirmed by a link in a mail, and left at any time. Whoever left and comes back
    starts anew.
    """

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="waitlist")
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="entries")
    requested_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    # The link's secret is in the mail only. It stays after its use, to recognise a second click.
    token_sha256 = models.CharField(max_length=64, blank=True)
    # Proof of consent: which words were agreed to, and from where, hashed.
    consent_text = models.CharField(max_length=20, help_text="version of the sentence agreed to")
    consent_address_sha256 = models.CharField(max_length=64, blank=True)

    objects: ClassVar[EntryQuerySet] = EntryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "waitlist entries"
        constraints = [
            models.UniqueConstraint(fields=["card", "subscriber"], name="waitlist_once_per_model"),
            models.UniqueConstraint(
                fields=["token_sha256"],
                condition=~Q(token_sha256=""),
                name="waitlist_token_is_unique",
            ),
        ]
        indexes = [
            models.Index(
                fields=["card", "confirmed_at"],
                condition=Q(confirmed_at__isnull=False, left_at__isnull=True),
                name="waitlist_line",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} waits for {self.card_id}"


class ModelRequest(models.Model):
    """Somebody requests a model that the catalog lacks; a worker asks the hub whether it exists."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be checked"
        ACCEPTED = "accepted", "in the catalog"
        REFUSED = "refused", "not possible"

    repo = models.CharField("repo id", max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="model_requests"
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="why not, for the person")
    card = models.ForeignKey(ModelCard, models.SET_NULL, null=True, blank=True)
    requested_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("repo"), "user", name="request_once_per_person"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "accepted", "refused"]),
                name="request_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(reason=""), name="request_refusal_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.repo}: {self.state}"


class Launch(models.Model):
    card = models.OneToOneField(ModelCard, models.PROTECT, related_name="launch")
    nano_usd_per_image = models.PositiveBigIntegerField()
    credit_micro_usd = models.PositiveIntegerField(help_text="given to each who had voted")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    launched_at = models.DateTimeField(db_default=Now())
    announced_at = models.DateTimeField(
        null=True, blank=True, help_text="when all had their mail queued and their credit"
    )

    class Meta:
        verbose_name_plural = "launches"

    def __str__(self) -> str:
        return f"{self.card_id} at {self.nano_usd_per_image} n$"
