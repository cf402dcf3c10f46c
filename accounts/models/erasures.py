"""People who have left, while what was kept of them is being deleted."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Erasure(models.Model):
    """What is still to be erased of a person; the row goes with the person's."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="erasure", primary_key=True
    )
    # Their account names none of them any more, and mails and the admin's history still do.
    addresses = ArrayField(models.CharField(max_length=254))
    requested_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"erasure of person {self.user_id}"
