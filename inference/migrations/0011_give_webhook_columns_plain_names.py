"""Why a webhook was disabled and an attempt failed, in the words that readers expect."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("inference", "0010_rename_tally_to_job_counter")]

    operations = [
        migrations.RemoveConstraint("webhook", "webhook_disabled_for_a_reason"),
        migrations.RenameField("webhook", "disabled_why", "disabled_reason"),
        migrations.AddConstraint(
            "webhook",
            models.CheckConstraint(
                condition=Q(disabled_at__isnull=True, disabled_reason="")
                | (Q(disabled_at__isnull=False) & ~Q(disabled_reason="")),
                name="webhook_disabled_for_a_reason",
            ),
        ),
        migrations.RemoveConstraint("attempt", "attempt_has_an_outcome"),
        migrations.RenameField("attempt", "trouble", "failure"),
        migrations.AddConstraint(
            "attempt",
            models.CheckConstraint(
                condition=Q(status__isnull=False) | ~Q(failure=""),
                name="attempt_has_an_outcome",
            ),
        ),
    ]
