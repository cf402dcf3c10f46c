"""Claims are bounded by what the texts of a job cost, too, and not by its images alone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("inference", "0018_status_hours_and_incidents"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="text_tokens",
            field=models.PositiveIntegerField(
                db_default=0, help_text="about as many as its texts have, for planning"
            ),
        ),
    ]
