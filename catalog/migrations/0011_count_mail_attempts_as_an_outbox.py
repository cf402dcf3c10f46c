"""Mail and webhook deliveries share their outbox columns: the attempts are counted alike."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_add_successor")]

    operations = [
        migrations.RenameField("mail", "attempts", "attempt_count"),
        migrations.AlterField(
            "mail",
            "attempt_count",
            models.PositiveIntegerField(
                default=0, db_default=0, help_text="fences a sender that lost its lease"
            ),
        ),
    ]
