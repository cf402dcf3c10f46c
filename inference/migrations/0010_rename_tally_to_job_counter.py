"""A total that only grows is a counter, as Prometheus calls it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0009_count_delivery_attempts_as_an_outbox")]

    operations = [
        migrations.RenameModel("Tally", "JobCounter"),
        migrations.AlterModelOptions("jobcounter", options={}),
        migrations.RenameField("jobcounter", "batched", "batch_size_sum"),
        migrations.AlterField(
            "jobcounter",
            "batch_size_sum",
            models.PositiveBigIntegerField(
                default=0, help_text="of each job, how many were in its batch"
            ),
        ),
        migrations.AlterField(
            "jobcounter",
            "card",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="job_counters",
                to="catalog.modelcard",
            ),
        ),
        migrations.RemoveConstraint("jobcounter", "tally_once"),
        migrations.AddConstraint(
            "jobcounter",
            models.UniqueConstraint(
                fields=["card", "state", "error_code", "batch_size"],
                nulls_distinct=False,
                name="job_counter_once",
            ),
        ),
    ]
