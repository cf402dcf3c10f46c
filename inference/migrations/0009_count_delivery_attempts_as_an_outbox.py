"""Mail and webhook deliveries share their outbox columns: the attempts are counted alike."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inference", "0008_rename_to_the_terms_of_fair_queueing")]

    operations = [
        migrations.RenameField("delivery", "tries", "attempt_count"),
        migrations.AlterField(
            "delivery",
            "attempt_count",
            models.PositiveIntegerField(
                default=0, db_default=0, help_text="fences a sender that lost its lease"
            ),
        ),
    ]
