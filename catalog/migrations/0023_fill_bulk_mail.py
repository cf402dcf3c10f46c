from django.db import migrations

# What an earlier version has queued of a launch must not go out before codes, either.
FILL = """
UPDATE catalog_mail SET is_bulk = true WHERE launch_id IS NOT NULL AND state = 'waiting'
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0022_send_bulk_mail_apart")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
