"""Credit that the site gives away, and what was decided about it."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_bound_calls_in_flight'),
    ]

    operations = [
        migrations.CreateModel(
            name='Gift',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category', models.CharField(choices=[('welcome', 'free credit'), ('launch', 'launch credit')], max_length=10)),
                ('amount_micro_usd', models.BigIntegerField()),
                ('valid_for', models.DurationField()),
                ('reference', models.CharField(max_length=100, unique=True)),
                ('model', models.CharField(blank=True, db_default='', default='', help_text='owner/name of the model', max_length=200)),
                ('note', models.CharField(blank=True, max_length=200)),
                ('network_sha256', models.CharField(blank=True, max_length=64)),
                ('domain_sha256', models.CharField(blank=True, max_length=64)),
                ('state', models.CharField(choices=[('waiting', 'waiting for a check'), ('given', 'given'), ('refused', 'refused')], default='waiting', max_length=10)),
                ('wait_reason', models.CharField(blank=True, choices=[('network', 'many from one network today'), ('domain', 'many from one mail domain today'), ('throwaway', 'a mail domain for throwaway addresses'), ('day', "the day's budget is spent")], max_length=10)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.ForeignKey(blank=True, help_text='empty: given at once, within the budget', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('wallet', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gifts', to='accounts.wallet')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'given'), ('wait_reason', '')), fields=['category', 'decided_at'], name='gift_given_at_once'), models.Index(condition=models.Q(('state', 'waiting')), fields=['created_at'], name='gift_waiting')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('category', 'welcome')), fields=('wallet',), name='gift_welcomes_once'), models.CheckConstraint(condition=models.Q(('amount_micro_usd__gt', 0)), name='gift_is_something'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'waiting')), models.Q(('decided_at__isnull', False), ('state__in', ['given', 'refused'])), _connector='OR'), name='gift_waits_or_is_decided'), models.CheckConstraint(condition=models.Q(('state', 'given'), models.Q(('wait_reason', ''), _negated=True), _connector='OR'), name='gift_waits_for_a_reason')],
            },
        ),
    ]
