"""What only a kind of job understands moves into `payload`; files are named on the row."""

from django.db import migrations, models
from django.db.models import Q

# Images and previews had names made of the job's id; jobs that wait keep their files.
FILL = """
UPDATE inference_job SET
    payload = CASE kind
        WHEN 'classify' THEN jsonb_build_object(
            'labels', labels, 'template', template, 'activation', activation)
        ELSE '{}'::jsonb END,
    inputs = coalesce((
        SELECT jsonb_agg(
            CASE WHEN input ? 'text' THEN input ELSE input || jsonb_build_object(
                'file', 'pictures/' || inference_job.id || '-' || (index - 1)) END
            ORDER BY index)
        FROM jsonb_array_elements(inputs) WITH ORDINALITY AS item(input, index)
    ), '[]'::jsonb),
    result = CASE WHEN result ? 'labels_cached'
        THEN (result - 'labels_cached') || jsonb_build_object('texts_cached', result->'labels_cached')
        ELSE result END,
    preview_file = CASE WHEN key_id IS NULL THEN 'previews/' || id || '.jpg' ELSE '' END
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0006_idempotent_calls")]

    operations = [
        migrations.RemoveConstraint("job", "job_vectors_mean_success"),
        migrations.RenameField("job", "micro_usd_per_label", "micro_usd_per_text"),
        migrations.AddField(
            "job",
            "payload",
            models.JSONField(blank=True, default=dict, help_text="what its kind was asked for"),
        ),
        migrations.AddField(
            "job",
            "preview_file",
            models.CharField(
                blank=True, default="", help_text="small upright JPEG", max_length=100
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RemoveField("job", "labels"),
        migrations.RemoveField("job", "template"),
        migrations.RemoveField("job", "activation"),
        migrations.AlterField("job", "kind", models.CharField(max_length=20)),
        migrations.AlterField(
            "job",
            "visitor",
            models.UUIDField(blank=True, help_text="anonymous browser session", null=True),
        ),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(
                condition=Q(vectors__isnull=True) | Q(state="succeeded"),
                name="job_vectors_mean_success",
            ),
        ),
    ]
