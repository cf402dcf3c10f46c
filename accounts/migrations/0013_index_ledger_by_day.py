import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # beside calls that write to the ledger

    dependencies = [("accounts", "0012_suspend_accounts")]

    operations = [
        AddIndexConcurrently(
            model_name="entry",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="entry_by_day"
            ),
        ),
    ]
