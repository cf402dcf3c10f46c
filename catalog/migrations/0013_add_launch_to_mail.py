"""Say on a mail's row which launch it announces: until now only its key told."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0012_give_demand_columns_plain_names")]

    operations = [
        migrations.AddField(
            "mail",
            "launch",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="mails",
                to="catalog.launch",
            ),
        ),
    ]
