"""A worker's own database role: what it can do, and what PostgreSQL refuses it."""

import os
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from accounts import credits
from accounts.credits import ledger
from accounts.models import Category, Hold, HoldState, User, Wallet
from bench.abuse.stage import issue_key
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.models import Delivery, ErrorCode, Event, Job, State, Worker
from inference.webhooks import endpoints
from inference.worker import database_role, process, settlement
from inference.worker.grants import ALL, WORKER
from inference.worker.settlement import Done
from tests.conftest import FROZEN, PRICED, make_card, photo_bytes
from tests.inference.worker import database_roles
from tests.inference.worker.database_roles import Session

pytestmark = pytest.mark.django_db(transaction=True)
DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture(scope="module")
def role(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Granted once: that a second time changes nothing is a test of its own."""
    with django_db_blocker.unblock(), database_roles.made(f"worker_{os.getpid()}") as name:
        database_role.grant(name)
        yield name


@pytest.fixture
def ada() -> User:
    """She has a dollar, an API key and a webhook."""
    issue_key("ada@lab.example", "1")
    ada = User.objects.get(email="ada@lab.example")
    endpoints.add(ada, url="https://ada.example/hook", events=Event.values)
    return ada


@pytest.fixture
def card() -> ModelCard:
    return make_card("gigarouter/conse-demo", **FROZEN, **PRICED)


@pytest.fixture
def submit(ada: User, card: ModelCard) -> Callable[[], Job]:
    def submit_one() -> Job:
        request = classify.job_request(
            card,
            [images.check(photo_bytes())],
            labels=["a cat", "a dog"],
            template="a photo of {}",
            keeps_preview=True,
        )
        requester = jobs.Requester(ada.pk, None, ada.api_keys.get())
        return jobs.submit(request, requester=requester, payer=ada)

    return submit_one


@pytest.fixture
def stolen(role: str) -> Iterator[Session]:
    """A connection of somebody who has the password of the workers' role."""
    with database_roles.session(role) as session:
        yield session


# --- what a worker does -------------------------------------------------------------------------


def test_a_worker_takes_renews_and_gives_back_jobs(
    role: str, card: ModelCard, submit: Callable[[], Job]
) -> None:
    for _ in range(3):
        submit()

    with database_roles.acting_as(role):
        first = claims.claim(card, worker="w", budget=1)
        token = first[0].lease_token
        assert token is not None
        assert claims.renew(token) == 1
        assert claims.give_back(token) == 1
        second = claims.claim(card, worker="w", budget=1)
        assert second[0].lease_token is not None
        assert claims.postpone(second[0].lease_token, second) == 1
        lines = claims.claim(card, worker="w", budget=1, is_background=True)
        assert lines == []


def test_a_worker_settles_what_it_has_done_and_the_webhook_is_queued(
    role: str, ada: User, card: ModelCard, submit: Callable[[], Job]
) -> None:
    submitted = submit()

    with database_roles.acting_as(role):
        [job] = claims.claim(card, worker="w", budget=1)
        settlement.succeed([Done(job, {"rows": []}, new_texts=2, preview=photo_bytes())])

    job.refresh_from_db()
    assert (job.pk, job.state, job.cost_micro_usd) == (submitted.pk, State.SUCCEEDED, 94 + 2 * 8)
    assert credits.balance_of(ada).settled == 1_000_000 - 110
    assert Delivery.objects.get().event == Event.SUCCEEDED
    assert not ledger.check().differences


def test_a_worker_fails_a_job_and_the_credit_is_free_again(
    role: str, ada: User, card: ModelCard, submit: Callable[[], Job]
) -> None:
    submit()

    with database_roles.acting_as(role):
        [job] = claims.claim(card, worker="w", budget=1)
        assert settlement.fail(job, ErrorCode.INVALID_IMAGE, {"input": 0})

    assert credits.balance_of(ada).available == 1_000_000
    assert not ledger.check().differences


def test_a_worker_announces_itself_and_withdraws(role: str) -> None:
    with database_roles.acting_as(role):
        process.announce()
        process.announce()
        assert Worker.objects.count() == 1
        process.withdraw()

    assert not Worker.objects.exists()


# --- what PostgreSQL refuses --------------------------------------------------------------------

FOREIGN = {
    "e-mail addresses": "SELECT email FROM accounts_user",
    "confirmed addresses": "SELECT email FROM account_emailaddress",
    "who a wallet belongs to": "SELECT user_id FROM accounts_wallet",
    "hashes of keys": "SELECT sha256 FROM accounts_apikey",
    "names of keys": "SELECT name, prefix FROM accounts_apikey",
    "secrets of webhooks": "SELECT secret FROM inference_webhook",
    "queued deliveries": "SELECT body FROM inference_delivery",
    "the ledger": "SELECT * FROM accounts_entry",
    "sessions": "SELECT * FROM django_session",
    "passkeys and authenticators": "SELECT * FROM mfa_authenticator",
    "tokens of other providers": "SELECT token FROM socialaccount_socialtoken",
    "what staff did": "SELECT * FROM django_admin_log",
    "mail": "SELECT * FROM catalog_mail",
    "gifts": "SELECT * FROM accounts_gift",
    "purchases": "SELECT * FROM accounts_purchase",
    "the waitlist": "SELECT * FROM catalog_waitlistentry",
    "files of batches": "SELECT * FROM inference_filechunk",
    "a server's file": "SELECT pg_read_file('/etc/hostname')",
    "hashes of passwords": "SELECT * FROM pg_authid",
}
FORGED = {
    "more balance": "UPDATE accounts_wallet SET balance_micro_usd = balance_micro_usd + 1",
    "more held": "UPDATE accounts_wallet SET held_micro_usd = held_micro_usd + 1",
    "somebody else's wallet": "UPDATE accounts_wallet SET user_id = NULL",
    "a wallet that thaws": "UPDATE accounts_wallet SET is_frozen = false",
    "a fuller grant": "UPDATE accounts_grant SET remaining_micro_usd = remaining_micro_usd + 1",
    "a larger grant": "UPDATE accounts_grant SET amount_micro_usd = 10",
    "a grant without an end": "UPDATE accounts_grant SET expires_at = NULL",
    "a grant": "INSERT INTO accounts_grant (wallet_id, category, amount_micro_usd,"
    " remaining_micro_usd, priority, reference)"
    " SELECT wallet_id, 'promotion', 10, 10, 20, 'x' FROM accounts_hold",
    "a hold": "INSERT INTO accounts_hold (wallet_id, reference, amount_micro_usd, state)"
    " SELECT wallet_id, 'x', 1, 'open' FROM accounts_grant",
    "a smaller hold": "UPDATE accounts_hold SET amount_micro_usd = 0",
    "a hold that opens again": "UPDATE accounts_hold SET state = 'open', settled_at = NULL,"
    " captured_micro_usd = NULL WHERE state <> 'open'",
    "a key that has spent less": "UPDATE accounts_apikey SET spent_micro_usd = 0"
    " WHERE spent_micro_usd > 0",
    "a key without a limit": "UPDATE accounts_apikey SET limit_micro_usd = NULL",
    "a key that lives again": "UPDATE accounts_apikey SET revoked_at = NULL",
    "a changed line of the ledger": "UPDATE accounts_entry SET note = 'x'",
    "a deleted line of the ledger": "DELETE FROM accounts_entry",
    "an emptied ledger": "TRUNCATE accounts_entry",
    "a line that grants": "INSERT INTO accounts_entry (wallet_id, kind, reference,"
    " balance_effect_micro_usd, held_effect_micro_usd, model, note)"
    " SELECT wallet_id, 'grant', 'x', 10, 0, '', '' FROM accounts_hold",
    "a line that refunds": "INSERT INTO accounts_entry (wallet_id, kind, reference,"
    " balance_effect_micro_usd, held_effect_micro_usd, model, note)"
    " SELECT wallet_id, 'refund', 'x', -10, 0, '', '' FROM accounts_hold",
    "a line for nothing that was held": "INSERT INTO accounts_entry (wallet_id, kind, reference,"
    " balance_effect_micro_usd, held_effect_micro_usd, model, note)"
    " SELECT wallet_id, 'capture', 'job:x', -1, -1, '', '' FROM accounts_hold",
    "a line for another amount": "INSERT INTO accounts_entry (wallet_id, kind, reference,"
    " balance_effect_micro_usd, held_effect_micro_usd, model, note)"
    " SELECT wallet_id, 'release', reference, 0, 0, '', '' FROM accounts_hold"
    " WHERE state = 'captured'",
    "a job": "INSERT INTO inference_job (id, kind) VALUES (gen_random_uuid(), 'embed')",
    "a deleted job": "DELETE FROM inference_job",
    "somebody else's job": "UPDATE inference_job SET owner_id = NULL",
    "a free job": "UPDATE inference_job SET is_paid = false",
    "another question": "UPDATE inference_job SET payload = '{}'",
    "an address of a webhook": "UPDATE inference_webhook SET url = 'https://evil.example/'",
    "a delivery that is done": "UPDATE inference_delivery SET state = 'delivered'",
    "a cheaper model": "UPDATE catalog_modelcard SET launch_price_nano_usd_per_image = 0",
    "a task that is not due": "UPDATE catalog_periodictask SET last_done_at = now()",
    "a table": "CREATE TABLE mine (id int)",
    "a function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a schema": "CREATE SCHEMA mine",
    "a role": "CREATE ROLE mine",
    "the owner's rights": "SET ROLE postgres",
    "no triggers": "SET session_replication_role = replica",
    "a disabled trigger": "ALTER TABLE accounts_entry DISABLE TRIGGER ALL",
}


@pytest.fixture
def settled(card: ModelCard, submit: Callable[[], Job]) -> None:
    """A hold that was captured and one that is open, so that each statement has rows to find."""
    submit()
    [job] = claims.claim(card, worker="w", budget=1)
    settlement.succeed([Done(job, {"rows": []}, new_texts=2)])
    submit()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_stolen_role_cannot_read(settled: None, stolen: Session, name: str) -> None:
    with pytest.raises(DENIED):
        stolen.execute(FOREIGN[name])


@pytest.mark.parametrize("name", FORGED)
def test_a_stolen_role_cannot_make(settled: None, stolen: Session, name: str) -> None:
    with pytest.raises(DENIED):
        stolen.execute(FORGED[name])

    assert not ledger.check().differences


def test_a_temporary_table_does_not_stand_in_for_the_holds(settled: None, stolen: Session) -> None:
    stolen.execute(
        "CREATE TEMPORARY TABLE accounts_hold AS SELECT wallet_id, 'job:x' AS reference,"
        " 'captured' AS state, 1 AS amount_micro_usd, 1 AS captured_micro_usd"
        " FROM public.accounts_hold LIMIT 1"
    )

    with pytest.raises(DENIED):
        stolen.execute(
            "INSERT INTO public.accounts_entry (wallet_id, kind, reference,"
            " balance_effect_micro_usd, held_effect_micro_usd, model, note)"
            " SELECT wallet_id, 'capture', reference, -1, -1, '', '' FROM accounts_hold"
        )


def test_a_capture_takes_no_more_than_was_held(settled: None, stolen: Session) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        stolen.execute(
            "UPDATE accounts_hold SET state = 'captured', settled_at = now(),"
            " captured_micro_usd = amount_micro_usd + 1 WHERE state = 'open'"
        )


def test_the_site_itself_may_still_grant_hold_and_take_back(ada: User) -> None:
    credits.grant(ada, amount_micro_usd=5, category=Category.PROMOTION, reference="promotion:1")
    credits.hold(ada, amount_micro_usd=3, reference="job:1")
    credits.release("job:1")

    assert credits.void("promotion:1", note="a mistake") is not None
    assert not ledger.check().differences
    assert Hold.objects.get().state == HoldState.RELEASED
    assert Wallet.objects.get().balance_micro_usd == 1_000_000


# --- granting ------------------------------------------------------------------------------------


def test_what_is_granted_is_what_is_listed_and_nothing_else(role: str) -> None:
    assert database_role.privileges_of(role) == database_role.expected()


def test_each_column_that_is_listed_is_one_of_its_model() -> None:
    for given in WORKER:
        columns = {field.column for field in given.model._meta.concrete_fields}
        for listed in (given.select, given.insert, given.update):
            assert listed == ALL or columns.issuperset(listed), given.table
        assert given.reason
    assert len({given.table for given in WORKER}) == len(WORKER)


def test_a_table_that_is_not_listed_is_out_of_reach(role: str) -> None:
    listed = {given.table for given in WORKER}
    within_reach = {table for table, _, _ in database_role.privileges_of(role)}
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}

    assert within_reach == listed
    assert listed < tables


def test_what_somebody_granted_by_hand_is_taken_back(role: str) -> None:
    database_roles.run("GRANT SELECT ON accounts_user, catalog_mail TO {}", role)
    database_roles.run("GRANT UPDATE (note), DELETE ON accounts_entry TO {}", role)
    database_roles.run("GRANT CREATE ON SCHEMA public TO {}", role)

    call_command("grant_worker_role", role, stdout=StringIO())

    assert database_role.privileges_of(role) == database_role.expected()


def test_a_column_that_only_the_version_before_knows_is_no_hindrance(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inference_job ADD old integer, ADD older integer")
        cursor.execute("ALTER TABLE accounts_wallet ADD old integer")
    try:
        call_command("grant_worker_role", role, stdout=StringIO())
        beyond = database_role.privileges_of(role) - database_role.expected()
        assert beyond == {("inference_job", name, "SELECT") for name in ("old", "older")}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE inference_job DROP old, DROP older")
            cursor.execute("ALTER TABLE accounts_wallet DROP old")


def test_preparing_a_version_grants_the_role_of_the_settings(
    role: str, settings: Settings, tmp_path: Path
) -> None:
    settings.DEBUG = True
    settings.STATIC_ROOT = tmp_path / "static"
    settings.WORKER_DATABASE_ROLE = role
    database_roles.run("REVOKE SELECT ON inference_job FROM {}", role)

    call_command("prepare", stdout=StringIO(), stderr=StringIO())

    assert database_role.privileges_of(role) == database_role.expected()


@pytest.mark.parametrize(
    ("change", "undo", "sentence"),
    [
        ("ALTER ROLE {} SUPERUSER", "ALTER ROLE {} NOSUPERUSER", "neither a superuser"),
        ("ALTER ROLE {} CREATEROLE", "ALTER ROLE {} NOCREATEROLE", "neither a superuser"),
        ("GRANT pg_read_all_data TO {}", "REVOKE pg_read_all_data FROM {}", "as a member"),
        ("CREATE SCHEMA mine AUTHORIZATION {}", "DROP SCHEMA mine", "owns something"),
        (
            "GRANT SELECT (email) ON accounts_user TO PUBLIC",
            "REVOKE SELECT (email) ON accounts_user FROM PUBLIC",
            "could still SELECT accounts_user.email",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "could still CREATE in the schema public",
        ),
    ],
)
def test_a_role_that_could_do_more_is_refused_and_nothing_changes(
    role: str, change: str, undo: str, sentence: str
) -> None:
    database_roles.run(change, role)
    try:
        with pytest.raises(CommandError, match=sentence):
            call_command("grant_worker_role", role, stdout=StringIO())
    finally:
        database_roles.run(undo, role)

    assert database_role.privileges_of(role) == database_role.expected()


def test_the_command_says_which_role_is_missing(settings: Settings) -> None:
    with pytest.raises(CommandError, match="There is no role nobody"):
        call_command("grant_worker_role", "nobody")
    with pytest.raises(CommandError, match="the site's own role"):
        call_command("grant_worker_role", connection.settings_dict["USER"])
    settings.WORKER_DATABASE_ROLE = ""
    with pytest.raises(CommandError, match="Name a role"):
        call_command("grant_worker_role")
