"""Calls that are waited for, so that identical ones wait for the same job."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0025_price_jobs_in_nano_dollars")]

    operations = [
        migrations.CreateModel(
            name="WaitedCall",
            fields=[
                ("job", models.UUIDField(primary_key=True, serialize=False)),
                ("api_key", models.BigIntegerField(help_text="id of the key")),
                (
                    "body_hash",
                    models.CharField(help_text="SHA-256 of address and body", max_length=64),
                ),
                (
                    "waiters",
                    models.PositiveIntegerField(
                        default=1, help_text="calls that wait for the job"
                    ),
                ),
                (
                    "joined",
                    models.PositiveIntegerField(
                        default=0, help_text="of all, those after the first"
                    ),
                ),
                (
                    "is_cost_reported",
                    models.BooleanField(
                        default=False, help_text="an answer has said what the job cost"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), db_index=True
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="waitedcall",
            constraint=models.UniqueConstraint(
                fields=("api_key", "body_hash"), name="waited_call_once"
            ),
        ),
    ]
