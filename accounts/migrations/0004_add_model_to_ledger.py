"""Holds and entries say which model they are for, each in a column of its own."""

from django.db import migrations, models

COLUMN = {
    "max_length": 200,
    "blank": True,
    "default": "",
    "db_default": "",
    "help_text": "owner/name of the model",
}


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_ledger_is_append_only")]
    operations = [
        migrations.AddField("hold", "model", models.CharField(**COLUMN)),
        migrations.AddField("entry", "model", models.CharField(**COLUMN)),
        migrations.AddIndex(
            "entry",
            models.Index(
                "model",
                name="entry_of_launch",
                condition=models.Q(kind="grant") & ~models.Q(model=""),
            ),
        ),
    ]
