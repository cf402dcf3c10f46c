"""Call the times of demand by the words of its pages: requested, announced, unsubscribed."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_count_mail_attempts_as_an_outbox")]

    operations = [
        migrations.RenameField("waitlistentry", "asked_at", "requested_at"),
        migrations.RenameField("modelrequest", "asked_at", "requested_at"),
        migrations.RenameField("launch", "told_at", "announced_at"),
        migrations.RenameField("subscriber", "silenced_at", "unsubscribed_at"),
    ]
