"""Beside the site as it runs: jobs are submitted and claimed meanwhile."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("inference", "0030_keep_records_of_jobs")]

    operations = [
        # One that could not lock in time leaves an invalid index behind, and is tried again.
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS job_request", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="job",
            index=models.Index(
                models.F("request_id"),
                condition=models.Q(("request_id__isnull", False)),
                name="job_request",
            ),
        ),
    ]
