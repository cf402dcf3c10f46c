"""The ledger's lines are never changed or deleted, whoever tries."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION accounts_entry_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries are append-only: % of entry % refused', TG_OP, OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER entry_is_written_once BEFORE UPDATE OR DELETE ON accounts_entry
    FOR EACH ROW EXECUTE FUNCTION accounts_entry_is_written_once();
"""
ALLOW = """
DROP TRIGGER entry_is_written_once ON accounts_entry;
DROP FUNCTION accounts_entry_is_written_once();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_money_and_keys")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
