"""People, known by their e-mail address."""

from typing import ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class Users(BaseUserManager["User"]):
    # `createsuperuser` needs the two verbs by these names.
    def create_user(self, email: str, password: str | None = None, **fields: bool) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractUser):
    # The address is the only name, and nobody asks for another.
    username = None  # type: ignore[assignment]  # AbstractUser has one, we do not
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)

    max_calls_in_flight = models.PositiveIntegerField(
        "API calls at once",
        null=True,
        blank=True,
        help_text="of one web process, by one key or all; empty: as many as anybody",
    )
    max_calls_per_minute = models.PositiveIntegerField(
        "API calls a minute",
        null=True,
        blank=True,
        help_text="that cost work, by one key or all; empty: as many as anybody",
    )
    max_images_per_minute = models.PositiveIntegerField(
        "images a minute by the API", null=True, blank=True, help_text="empty: as many as anybody"
    )

    low_balance_micro_usd = models.BigIntegerField(
        "mail below",
        null=True,
        blank=True,
        help_text="credit, in µ$, below which one mail is sent; empty: none",
    )
    low_balance_mailed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Beside `is_active`, which is all that most of the site asks.
    suspension_reason = models.CharField(
        max_length=300,
        blank=True,
        default="",
        db_default="",
        help_text="why the operator has suspended the account; its owner reads it",
    )
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[Users] = Users()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # Ada@lab.example and ada@lab.example are one person.
            models.UniqueConstraint(Lower("email"), name="user_email_unique_ignoring_case"),
            models.CheckConstraint(
                condition=Q(suspension_reason="", suspended_at__isnull=True)
                | (~Q(suspension_reason="") & Q(suspended_at__isnull=False, is_active=False)),
                name="user_suspended_is_not_active",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_suspended(self) -> bool:
        return bool(self.suspension_reason)
