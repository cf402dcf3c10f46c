"""`payer` and `turn` become what fair queueing calls them, `rung_at` what happens then."""

import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("inference", "0007_kinds_own_their_payload")]

    operations = [
        migrations.RemoveIndex("job", "job_turns"),
        migrations.RemoveIndex("job", "job_payers"),
        migrations.RenameField("job", "payer", "fair_share_key"),
        migrations.RenameField("job", "turn", "virtual_start"),
        migrations.RenameField("job", "rung_at", "woken_at"),
        migrations.RenameField("idempotentcall", "ticket", "submission_key"),
        migrations.AlterField(
            "job",
            "fair_share_key",
            models.CharField(help_text="whose jobs share one flow", max_length=50),
        ),
        migrations.AlterField(
            "job",
            "virtual_start",
            models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="its place in the queue",
            ),
        ),
        migrations.AlterField(
            "job",
            "state",
            models.CharField(
                choices=[
                    ("queued", "queued"),
                    ("running", "running"),
                    ("succeeded", "succeeded"),
                    ("failed", "failed"),
                    ("cancelled", "canceled"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index("card", "virtual_start", name="job_queue", condition=Q(state="queued")),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                "card",
                "fair_share_key",
                "virtual_start",
                name="job_flows",
                condition=Q(state="queued"),
            ),
        ),
    ]
