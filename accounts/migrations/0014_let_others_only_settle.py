"""A role that may not delete from a table of money, such as the one of workers, may only settle there.

Rights to columns say what may be written, not which way. So triggers do: for such a role a wallet,
a grant and what a key holds can only go down, a hold ends once, and a line of the ledger says what
became of a hold. Whoever may delete, as the owner of the tables, is the site itself.
"""

from django.db import migrations

ADD = """
CREATE FUNCTION accounts_others_only_settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.has_table_privilege(TG_RELID, 'DELETE') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% may only settle what is held: % of % refused',
        current_user, TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER wallet_is_only_settled BEFORE UPDATE ON accounts_wallet FOR EACH ROW
    WHEN (NEW.balance_micro_usd > OLD.balance_micro_usd OR NEW.held_micro_usd > OLD.held_micro_usd)
    EXECUTE FUNCTION accounts_others_only_settle();
CREATE TRIGGER grant_is_only_drawn_on BEFORE UPDATE ON accounts_grant FOR EACH ROW
    WHEN (NEW.remaining_micro_usd > OLD.remaining_micro_usd)
    EXECUTE FUNCTION accounts_others_only_settle();
CREATE TRIGGER hold_ends_once BEFORE UPDATE ON accounts_hold FOR EACH ROW
    WHEN (OLD.state <> 'open')
    EXECUTE FUNCTION accounts_others_only_settle();
CREATE TRIGGER key_is_only_settled BEFORE UPDATE ON accounts_apikey FOR EACH ROW
    WHEN (NEW.spent_micro_usd < OLD.spent_micro_usd OR NEW.held_micro_usd > OLD.held_micro_usd)
    EXECUTE FUNCTION accounts_others_only_settle();

CREATE FUNCTION accounts_entry_is_of_a_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fits boolean;
BEGIN
    IF pg_catalog.has_table_privilege(TG_RELID, 'DELETE') THEN
        RETURN NEW;
    END IF;
    -- By its schema: anybody may make a temporary table of the same name, which would come first.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.accounts_hold AS hold
        WHERE hold.reference = $1.reference AND hold.wallet_id = $1.wallet_id
            AND $1.kind = CASE hold.state
                WHEN ''captured'' THEN ''capture'' WHEN ''released'' THEN ''release'' END
            AND $1.held_effect_micro_usd = -hold.amount_micro_usd
            AND $1.balance_effect_micro_usd = -coalesce(hold.captured_micro_usd, 0))',
        TG_TABLE_SCHEMA) INTO fits USING NEW;
    IF NOT fits THEN
        RAISE EXCEPTION '% may only enter how a hold has ended: % % refused',
            current_user, NEW.kind, NEW.reference USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER entry_is_of_a_hold BEFORE INSERT ON accounts_entry FOR EACH ROW
    EXECUTE FUNCTION accounts_entry_is_of_a_hold();
"""
REMOVE = """
DROP TRIGGER entry_is_of_a_hold ON accounts_entry;
DROP TRIGGER key_is_only_settled ON accounts_apikey;
DROP TRIGGER hold_ends_once ON accounts_hold;
DROP TRIGGER grant_is_only_drawn_on ON accounts_grant;
DROP TRIGGER wallet_is_only_settled ON accounts_wallet;
DROP FUNCTION accounts_entry_is_of_a_hold();
DROP FUNCTION accounts_others_only_settle();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_index_ledger_by_day")]
    operations = [migrations.RunSQL(ADD, REMOVE)]
