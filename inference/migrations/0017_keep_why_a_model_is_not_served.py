"""Why a worker does not serve a model that it should: for staff."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inference', '0016_price_jobs_by_pixels'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='failures',
            field=models.JSONField(blank=True, default=dict, help_text='why models that it should serve are not loaded, by repo'),
        ),
    ]
