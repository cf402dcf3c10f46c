"""A source may have a page of our own, which says what it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0014_fill_launch_of_mail")]

    operations = [
        migrations.AddField(
            "source",
            "description",
            models.TextField(blank=True, help_text="Markdown: what it is, for that page"),
        ),
        migrations.AlterField(
            "source",
            "url",
            models.URLField(blank=True, help_text="empty: our own page of it is all there is"),
        ),
    ]
