from django.db import migrations

# Since when a model is deprecated stood in its history alone.
FILL = """
UPDATE catalog_modelcard AS card SET deprecated_at = change.changed_at
FROM (
    SELECT card_id, max(changed_at) AS changed_at FROM catalog_stagechange
    WHERE stage = 'deprecated' GROUP BY card_id
) AS change
WHERE change.card_id = card.id AND card.stage IN ('deprecated', 'retired')
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0026_add_model_notices")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
