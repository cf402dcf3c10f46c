"""Leaving answers at once, goes on in the background, and can be cut short anywhere."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import credits, erasure, keys, tasks
from accounts.models import ApiKey, Category, Erasure, Hold, HoldState, User, Wallet
from catalog.admin.audited import GONE, scrub
from catalog.infrastructure.retention import ROWS_PER_SLICE, Budget
from catalog.models import Mail, ModelCard, Subscriber
from inference.models import Job, State, Webhook
from tests.support.letters import sign_in
from tests.support.threads import at_once

ADA = "ada@lab.example"


@pytest.fixture
def ada(db: None, client: Client) -> User:
    sign_in(client)
    return User.objects.get()


def make_jobs(card: ModelCard, owner: User, count: int) -> None:
    now = timezone.now()
    Job.objects.bulk_create(
        Job(
            card=card,
            owner=owner,
            kind="classify",
            state=State.CANCELLED,
            finished_at=now,
            fair_share_key=f"u{owner.pk}",
            deadline_at=now + timedelta(minutes=10),
        )
        for _ in range(count)
    )


def leave(client: Client) -> None:
    answer = client.post("/account/delete/", {"address": ADA})
    assert answer["Location"] == "/"


def erase(user: User) -> None:
    assert erasure.run(user.pk, Budget(60))


def test_the_request_does_as_much_for_thousands_of_jobs_as_for_one(
    ada: User, client: Client, card: ModelCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Seen: 5,000 jobs took 8.8 s in the request."""
    make_jobs(card, ada, 3000)
    sign_in(bob := Client(), "bob@lab.example")
    make_jobs(card, User.objects.get(email="bob@lab.example"), 1)
    # Looked up once a process, and then kept.
    models = [User, ApiKey, EmailAddress, SocialAccount, Authenticator, UserSession]
    ContentType.objects.get_for_models(*models, Webhook, Subscriber)
    with CaptureQueriesContext(connection) as few:
        bob.post("/account/delete/", {"address": "bob@lab.example"})

    with django_assert_num_queries(len(few)):
        leave(client)

    assert Job.objects.filter(owner=ada).count() == 3000


def test_at_once_nobody_gets_in_and_the_address_is_free(ada: User, client: Client) -> None:
    sign_in(other := Client())
    _, secret = keys.issue(ada, name="laptop")
    SocialAccount.objects.create(user=ada, provider="github", uid="1")

    leave(client)

    assert "_auth_user_id" not in client.session
    assert "_auth_user_id" not in other.session
    assert keys.find(secret) is None
    ada.refresh_from_db()
    assert not ada.is_active
    assert ADA not in str(ada)
    assert not EmailAddress.objects.filter(user=ada).exists()
    assert not SocialAccount.objects.exists()
    sign_in(again := Client())
    assert again.session["_auth_user_id"] != str(ada.pk)


def test_the_page_says_what_happens(ada: User, client: Client) -> None:
    page = client.post("/account/delete/", {"address": ADA}, follow=True).content.decode()

    assert "Your account is closed" in page
    assert "takes a few minutes" in page


def test_in_the_background_all_goes_slice_by_slice(
    ada: User, client: Client, card: ModelCard
) -> None:
    make_jobs(card, ada, ROWS_PER_SLICE + 10)
    leave(client)

    budget = OneSlice()
    assert not erasure.run(ada.pk, budget)
    assert Job.objects.filter(owner=ada).count() == 10

    erase(ada)
    assert not User.objects.exists()
    assert not Erasure.objects.exists()
    assert not Job.objects.exists()


class OneSlice(Budget):
    """Spent after the first look."""

    def __init__(self) -> None:
        super().__init__(60)
        self.looks = 0

    @property
    def is_spent(self) -> bool:
        self.looks += 1
        return self.looks > 1


def test_what_was_cut_short_is_taken_up_again(ada: User, client: Client, card: ModelCard) -> None:
    make_jobs(card, ada, ROWS_PER_SLICE + 10)
    leave(client)
    erasure.run(ada.pk, OneSlice())

    assert erasure.resume() == 1
    tasks.erase(ada.pk)
    tasks.erase(ada.pk)

    assert not User.objects.exists()
    assert erasure.resume() == 0


def test_a_second_request_is_the_first(ada: User) -> None:
    first = erasure.request(ada)

    again = erasure.request(User.objects.get(pk=ada.pk))

    assert again.requested_at == Erasure.objects.get(pk=first.pk).requested_at
    assert again.addresses == [ADA]


def test_mail_to_the_person_goes_though_the_account_names_no_address_any_more(
    ada: User, client: Client
) -> None:
    for recipient in (ADA, "bob@lab.example"):
        Mail.objects.create(message_id="<1@x>", sender="us@x", recipients=[recipient], subject="x")
    leave(client)

    erase(ada)

    assert [mail.recipients for mail in Mail.objects.all()] == [["bob@lab.example"]]


def test_money_stays_and_names_nobody(ada: User, client: Client) -> None:
    key, _ = keys.issue(ada, name="laptop")
    wallet = Wallet.objects.get(user=ada)
    credits.grant(ada, amount_micro_usd=500, category=Category.PURCHASE, reference="purchase:1")
    credits.hold(ada, amount_micro_usd=100, reference="job:1", key=key)
    credits.capture("job:1", amount_micro_usd=100)
    leave(client)

    erase(ada)

    wallet.refresh_from_db()
    assert wallet.user_id is None
    hold = Hold.objects.get()
    assert (hold.key_id, hold.state) == (None, HoldState.CAPTURED)
    assert not ApiKey.objects.exists()


@pytest.fixture
def operator(db: None) -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("op@lab.example"))
    return browser


def history() -> str:
    entries = LogEntry.objects.values_list("object_repr", "change_message")
    return json.dumps(list(entries))


def test_the_admins_history_of_the_person_is_scrubbed_and_keeps_what_was_done(
    ada: User, operator: Client, client: Client
) -> None:
    page = f"/admin/accounts/user/{ada.pk}/change/"
    operator.post(page, {"email": "countess@lab.example", "is_active": "on"})
    operator.post(page, {"email": ADA, "is_active": "on"})
    assert ADA in history()
    assert "countess@lab.example" in history()
    sign_in(client := Client())
    key, _ = keys.issue(ada, name="ada's laptop")
    operator.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert "ada's laptop" in history()

    leave(client)
    erase(ada)

    told = history()
    assert ADA not in told
    assert "countess" not in told
    assert "laptop" not in told
    assert f"person {ada.pk}" in told
    assert GONE in told
    assert "email" in told
    assert LogEntry.objects.count() == 3
    assert {entry.user.email for entry in LogEntry.objects.all()} == {"op@lab.example"}


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("ada@lab.example", "person 7"),
        ("ADA@Lab.Example → bob@x.example", "person 7 → bob@x.example"),
        ('{"before": {"email": "ada@lab.example"}}', '{"before": {"email": "person 7"}}'),
        ("mail to ada@lab.example.", "mail to person 7."),
        ("data@lab.example", "data@lab.example"),
        ("x.ada@lab.example", "x.ada@lab.example"),
        ("ada@lab.example.org", "ada@lab.example.org"),
        ("ada@lab.example-corp.org", "ada@lab.example-corp.org"),
    ],
)
def test_an_address_is_taken_out_of_the_history_and_no_other_that_is_like_it(
    db: None, text: str, scrubbed: str
) -> None:
    root = User.objects.create_superuser("op@lab.example")
    LogEntry.objects.create(
        user=root,
        content_type=ContentType.objects.get_for_model(Wallet),
        object_id="1",
        object_repr=text,
        action_flag=CHANGE,
        change_message=text,
    )

    scrub([ADA], "person 7")

    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == (scrubbed, scrubbed)


def test_support_closes_at_once_and_is_told_so(ada: User, operator: Client) -> None:
    chosen = {"action": "forget", "_selected_action": [ada.pk]}

    page = operator.post("/admin/accounts/user/", chosen, follow=True).content.decode()

    assert "1 closed, and being deleted." in page
    assert Erasure.objects.get().user == ada
    erase(ada)
    assert ADA not in history()


def test_the_shell_deletes_to_the_end(ada: User) -> None:
    call_command("delete_person", ADA, stdout=StringIO())

    assert not User.objects.exists()
    with pytest.raises(CommandError):
        call_command("delete_person", ADA)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_erase_once(card: ModelCard) -> None:
    user = User.objects.create_user(ADA)
    make_jobs(card, user, 50)
    erasure.request(user)

    at_once(lambda _: erasure.run(user.pk, Budget(60)), 4)
    erase(user)

    assert not User.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_are_one() -> None:
    user = User.objects.create_user(ADA)

    at_once(lambda _: erasure.request(User.objects.get(pk=user.pk)), 4)

    assert Erasure.objects.get().addresses == [ADA]
