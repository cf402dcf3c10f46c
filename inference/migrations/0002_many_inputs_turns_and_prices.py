"""Jobs take several pictures or texts, wait in fair turns, and know what they cost."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


FILL = """
UPDATE inference_job SET
    inputs = jsonb_build_array(jsonb_build_object('width', width, 'height', height)),
    payer = coalesce('user:' || owner_id, 'visitor:' || visitor),
    turn = created_at
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_ledger_is_append_only'),
        ('catalog', '0002_add_history_aliases_and_prices'),
        ('inference', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(model_name='job', name='job_queue'),
        migrations.AddField('job', 'kind', models.CharField(choices=[('classify', 'score pictures against labels'), ('embed', 'embed pictures and texts')], default='classify', max_length=10)),
        migrations.AddField('job', 'key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='jobs', to='accounts.apikey')),
        migrations.AddField('job', 'inputs', models.JSONField(default=list)),
        migrations.AddField('job', 'image_count', models.PositiveSmallIntegerField(default=1)),
        migrations.AlterField('job', 'labels', models.JSONField(default=list)),
        migrations.AlterField('job', 'template', models.CharField(blank=True, max_length=200)),
        migrations.AddField('job', 'activation', models.CharField(default='auto', max_length=10)),
        migrations.AddField('job', 'is_paid', models.BooleanField(default=False, help_text='credit is held for it')),
        migrations.AddField('job', 'micro_usd_per_image', models.PositiveIntegerField(default=0)),
        migrations.AddField('job', 'micro_usd_per_label', models.PositiveIntegerField(default=0)),
        migrations.AddField('job', 'cost_micro_usd', models.PositiveBigIntegerField(blank=True, null=True)),
        migrations.AddField('job', 'vectors', models.BinaryField(blank=True, help_text='float32 [n, dim], little-endian, L2-normalised rows', null=True)),
        migrations.AddField('job', 'payer', models.CharField(default='', help_text='whose turn it is', max_length=50), preserve_default=False),
        migrations.AddField('job', 'turn', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RemoveField('job', 'width'),
        migrations.RemoveField('job', 'height'),
    ]
