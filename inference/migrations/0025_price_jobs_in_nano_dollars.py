"""Jobs keep unit prices in whole nano-dollars. Those that wait or run cost what they would have."""

from django.db import migrations, models

SCALE = """
UPDATE inference_job SET
    nano_usd_per_image = nano_usd_per_image * 1000, nano_usd_per_text = nano_usd_per_text * 1000
WHERE nano_usd_per_image > 0 OR nano_usd_per_text > 0
"""


class Migration(migrations.Migration):

    dependencies = [
        ('inference', '0024_count_unread_jobs'),
    ]

    operations = [
        migrations.RenameField('job', 'micro_usd_per_image', 'nano_usd_per_image'),
        migrations.RenameField('job', 'micro_usd_per_text', 'nano_usd_per_text'),
        migrations.AlterField('job', 'nano_usd_per_image', models.PositiveBigIntegerField(db_default=0)),
        migrations.AlterField('job', 'nano_usd_per_text', models.PositiveBigIntegerField(db_default=0, help_text='of each new text')),
        migrations.AddField('job', 'nano_usd_per_token', models.PositiveBigIntegerField(db_default=0, help_text='of new texts')),
        migrations.AddField('job', 'max_cost_micro_usd', models.PositiveBigIntegerField(blank=True, help_text='what is held for it', null=True)),
        # No way back: a thousandth of a price cannot be kept in whole µ$.
        migrations.RunSQL(SCALE),
    ]
