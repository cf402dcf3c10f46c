"""Find cards by the names that people call them by, and by their licenses."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Lower

# Copied from `catalog.search_text` as it was on this day.
CUTS = [
    ("([A-Za-z])([0-9])", r"\1 \2"),
    ("([0-9])([A-Za-z])", r"\1 \2"),
    (r"\m0+([0-9])", r"\1"),
]


def joined(*texts):
    return Func(
        *texts, template="(%(expressions)s)", arg_joiner=" || ", output_field=TextField()
    )


def replaced(text, replacements):
    for pattern, replacement in replacements:
        text = Func(
            text, Value(pattern), Value(replacement), Value("g"), function="regexp_replace"
        )
    return Lower(text, output_field=TextField())


def words(*fields):
    text = Value("")
    for field in fields:
        text = joined(text, Value(" "), F(field))
    return replaced(text, [("[^A-Za-z0-9]+", " "), *CUTS])


def names(*fields):
    text = Value("\n")
    for field in fields:
        text = joined(text, F(field), Value("\n"))
    bare = Func(F("repo"), Value("/"), Value(2), function="split_part", output_field=TextField())
    text = joined(text, bare, Value("\n"))
    return replaced(text, [("[^A-Za-z0-9\n]+", " "), *CUTS, (" *\n *", "\n")])


def kept(expression):
    return models.GeneratedField(
        expression=expression, output_field=models.TextField(), db_persist=True
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0018_describe_license_and_training")]

    operations = [
        # PostgreSQL changes no generated column's expression: it is made anew.
        migrations.RemoveIndex("modelcard", "card_search"),
        migrations.RemoveField("modelcard", "search_text"),
        migrations.AddField(
            "modelcard",
            "search_text",
            kept(
                words(
                    "repo",
                    "name",
                    "family",
                    "open_clip_model",
                    "architecture",
                    "training_data",
                    "license",
                    "known_as",
                )
            ),
        ),
        migrations.AddField(
            "modelcard",
            "search_names",
            kept(names("repo", "name", "family", "open_clip_model", "known_as")),
        ),
        migrations.AddIndex(
            "modelcard",
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="card_search"),
        ),
        migrations.AddIndex(
            "modelcard",
            GinIndex(fields=["search_names"], opclasses=["gin_trgm_ops"], name="card_names"),
        ),
    ]
