"""Workers report memory, rates and batches; what has ended is counted for good."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_add_history_aliases_and_prices'),
        ('inference', '0004_webhooks'),
    ]

    operations = [
        migrations.AddField('worker', 'resident_bytes', models.PositiveBigIntegerField(blank=True, help_text='of the process; null: this system does not say', null=True)),
        migrations.AddField('worker', 'device_bytes', models.PositiveBigIntegerField(blank=True, help_text='that torch holds of the GPU; null: no GPU', null=True)),
        migrations.AddField('worker', 'images_per_s', models.JSONField(blank=True, default=dict, help_text='by model: a moving mean over its last batches')),
        migrations.AddField('worker', 'batch_images', models.JSONField(blank=True, default=dict, help_text='by model: the most pictures it takes at once now')),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(max_length=10)),
                ('error_code', models.CharField(blank=True, max_length=20)),
                ('batch_size', models.PositiveSmallIntegerField(blank=True, help_text='at most', null=True)),
                ('jobs', models.PositiveBigIntegerField(default=0)),
                ('images', models.PositiveBigIntegerField(default=0)),
                ('batched', models.PositiveBigIntegerField(default=0, help_text="sum of the batches' sizes")),
                ('counted_until', models.DateTimeField()),
                ('card', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tallies', to='catalog.modelcard')),
            ],
            options={
                'verbose_name_plural': 'tallies',
                'constraints': [models.UniqueConstraint(fields=('card', 'state', 'error_code', 'batch_size'), name='tally_once', nulls_distinct=False)],
            },
        ),
    ]
