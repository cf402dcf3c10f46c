"""Fill the launch of mails that were queued before: their keys end in `:launch:<card>`."""

from django.db import migrations

FILL = """
UPDATE catalog_mail AS mail SET launch_id = launch.id FROM catalog_launch AS launch
    WHERE mail.launch_id IS NULL AND mail.key LIKE 'waitlist:%:launch:%'
        AND split_part(mail.key, ':', 4) = launch.card_id::text;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0013_add_launch_to_mail")]
    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
