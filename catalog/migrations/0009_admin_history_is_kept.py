"""Entries of the admin's history are never deleted, nor is then whoever they name."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION catalog_admin_history_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the admin''s history is kept: % of entry % refused', TG_OP, OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER admin_history_is_kept BEFORE DELETE ON django_admin_log
    FOR EACH ROW EXECUTE FUNCTION catalog_admin_history_is_kept();
"""
ALLOW = """
DROP TRIGGER admin_history_is_kept ON django_admin_log;
DROP FUNCTION catalog_admin_history_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_add_hand_edits"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
