"""A vote remembers by a keyed hash which mailbox cast it, and each mailbox has one per model."""

from django.conf import settings
from django.db import migrations, models

from catalog import email_addresses


def fill(apps, schema_editor):
    """Of several votes by one mailbox the first that counts keeps it, the rest are set aside.

    Whose person is gone stays as it is: nothing tells the mailbox any more.
    """
    Vote = apps.get_model("catalog", "Vote")
    seen = set()
    votes = Vote.objects.filter(user__isnull=False, mailbox="").select_related("user")
    for vote in votes.order_by("is_set_aside", "voted_at", "pk"):
        mailbox = email_addresses.fingerprint(vote.user.email)
        if (vote.card_id, mailbox) in seen:
            Vote.objects.filter(pk=vote.pk).update(is_set_aside=True)
        else:
            Vote.objects.filter(pk=vote.pk).update(mailbox=mailbox)
        seen.add((vote.card_id, mailbox))


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_add_benchmarks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="vote",
            name="mailbox",
            field=models.CharField(
                blank=True,
                db_default="",  # for who still runs the code of before
                help_text="keyed hash by which it is known again; names nobody",
                max_length=64,
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="vote",
            constraint=models.UniqueConstraint(
                condition=models.Q(("mailbox", ""), _negated=True),
                fields=("card", "mailbox"),
                name="vote_one_per_mailbox",
            ),
        ),
    ]
