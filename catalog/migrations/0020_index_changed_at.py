from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0019_search_by_names")]

    operations = [
        migrations.AddIndex(
            model_name="modelcard",
            index=models.Index(fields=["changed_at"], name="card_changed_at"),
        ),
    ]
