"""Call a loader by its library: transformers reads SigLIP's weights as well as CLIP's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0015_describe_sources")]

    operations = [
        migrations.AlterField(
            "modelcard",
            "loader",
            models.CharField(
                choices=[
                    ("transformers", "transformers"),
                    ("open_clip", "open_clip"),
                    ("conse", "stand-in after ConSE"),
                ],
                max_length=20,
            ),
        ),
    ]
