"""A vote remembers by a keyed hash which mailbox cast it, and each mailbox has one per model."""

from django.conf import settings
from django.db import migrations, models
from django.utils.crypto import salted_hmac

# Frozen, as `catalog.email_addresses` had it on that day: what it becomes must not change history.
WITHOUT_DOTS = {"gmail.com", "proton.me"}
HOST_OF = {
    "gmail.com": "gmail.com",
    "googlemail.com": "gmail.com",
    "proton.me": "proton.me",
    "protonmail.com": "proton.me",
    "pm.me": "proton.me",
    "icloud.com": "icloud.com",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "fastmail.com": "fastmail.com",
    "hey.com": "hey.com",
    "hotmail.com": "hotmail.com",
    "live.com": "live.com",
    "outlook.com": "outlook.com",
    "zoho.com": "zoho.com",
}


def mailbox_of(email):
    name, _, host = email.strip().lower().rpartition("@")
    known = HOST_OF.get(host.rstrip("."))
    if known is None:
        return f"{name}@{host}"
    name = name.partition("+")[0]
    return f"{name.replace('.', '') if known in WITHOUT_DOTS else name}@{known}"


def fingerprint(email):
    return salted_hmac(
        "accounts.mailbox", mailbox_of(email), settings.SECRET_KEY, algorithm="sha256"
    ).hexdigest()


def fill(apps, schema_editor):
    """Of several votes by one mailbox the first that counts keeps it, the rest are set aside.

    Whose person is gone stays as it is: nothing tells the mailbox any more.
    """
    Vote = apps.get_model("catalog", "Vote")
    seen = set()
    votes = Vote.objects.filter(user__isnull=False, mailbox="").select_related("user")
    for vote in votes.order_by("is_set_aside", "voted_at", "pk"):
        mailbox = fingerprint(vote.user.email)
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
