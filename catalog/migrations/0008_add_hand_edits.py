"""Remember what was edited by hand; for what was so far, ask the admin's history."""

import json

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

SECTIONS = {"evaluation": "evaluations", "question": "faq", "alias": "aliases"}
NOT_FROM_A_FILE = {
    "id", "repo", "stage", "launch_price_micro_usd_per_image", "measured_images_per_s",
    "measured_usd_per_hour", "created_at", "changed_at", "fixture_sha256",
}


def fill(apps, schema_editor):
    LogEntry, HandEdit = apps.get_model("admin", "LogEntry"), apps.get_model("catalog", "HandEdit")
    cards = {str(pk): pk for pk in apps.get_model("catalog", "ModelCard").objects.values_list("pk", flat=True)}
    entries = LogEntry.objects.filter(
        content_type__app_label="catalog", content_type__model="modelcard", object_id__in=cards
    )
    edits = {
        (cards[entry.object_id], part)
        for entry in entries
        for part in parts_of(entry.change_message)
    }
    HandEdit.objects.bulk_create(
        [HandEdit(card_id=card, part=part) for card, part in sorted(edits)], ignore_conflicts=True
    )


def parts_of(message):
    """What the steps of one entry have changed, as `catalog.admin.audited` writes them."""
    for step in json.loads(message) if message.startswith("[") else []:
        row = step.get("added") or step.get("changed") or step.get("deleted") or {}
        if "name" not in row:
            before = step.get("before", {})
            for name, after in step.get("after", {}).items():
                # Until now each saved form of a card told of its text as changed: by line ends.
                if name not in NOT_FROM_A_FILE and _plain(before.get(name)) != _plain(after):
                    yield name
        elif row["name"] == "provenance":
            yield row["object"].partition(":")[0]
        elif row["name"] in SECTIONS:
            yield SECTIONS[row["name"]]


def _plain(text):
    return (text or "").replace("\r\n", "\n").strip()


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_add_vote_mailbox"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [
        migrations.CreateModel(
            name="HandEdit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("part", models.CharField(help_text="a field with its source, or a list of rows", max_length=40)),
                ("edited_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("card", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="hand_edits", to="catalog.modelcard")),
            ],
            options={
                "verbose_name": "edit by hand",
                "verbose_name_plural": "edits by hand",
                "ordering": ["part"],
                "constraints": [models.UniqueConstraint(fields=("card", "part"), name="hand_edit_once_per_part")],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
