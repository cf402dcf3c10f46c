"""Fill the models of what was written before: from the notes of holds, and from launches' grants.

Only the new column changes, once. The trigger that keeps the ledger append-only rests meanwhile:
the lock that DISABLE TRIGGER takes keeps every other writer out until this commits.
"""

from django.db import migrations

FILL = """
SET LOCAL statement_timeout = 0; -- a long ledger takes its time
ALTER TABLE accounts_entry DISABLE TRIGGER entry_is_written_once;
-- A hold's note was the model, and nothing else.
UPDATE accounts_entry SET model = note WHERE kind = 'hold' AND model = '' AND note <> '';
UPDATE accounts_hold AS hold SET model = entry.model FROM accounts_entry AS entry
    WHERE entry.kind = 'hold' AND entry.reference = hold.reference
        AND hold.model = '' AND entry.model <> '';
UPDATE accounts_entry AS ending SET model = begun.model FROM accounts_entry AS begun
    WHERE ending.kind IN ('capture', 'release') AND begun.kind = 'hold'
        AND begun.reference = ending.reference AND ending.model = '' AND begun.model <> '';
-- launch:<card>:<person>
UPDATE accounts_entry AS granted SET model = card.repo FROM catalog_modelcard AS card
    WHERE granted.kind = 'grant' AND granted.reference LIKE 'launch:%' AND granted.model = ''
        AND split_part(granted.reference, ':', 2) = card.id::text;
ALTER TABLE accounts_entry ENABLE TRIGGER entry_is_written_once;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_add_model_to_ledger"), ("catalog", "0001_initial")]
    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
