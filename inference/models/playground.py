"""What the playground keeps beside jobs: links to results, and pictures of forms with an error."""

import uuid

from django.db import models
from django.db.models.functions import Now

from inference.models.jobs import Job


class SharedResult(models.Model):
    """A link that shows one result to whoever has it; it goes with the job, or when revoked.

    The link is the signed id: the row alone opens nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.OneToOneField(Job, models.CASCADE, related_name="share")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"link to {self.job_id}"


class PictureDraft(models.Model):
    """A picture that came with a form that had an error, for the next try of the same visitor."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visitor = models.UUIDField(db_index=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return str(self.id)

    @property
    def file(self) -> str:
        """Its name in storage. The row comes before the file and goes after it: no orphans."""
        return f"drafts/{self.pk}"
