"""A person sees, takes along and deletes what is kept of them, and nobody else's."""

import json
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import credits, erasure, lifecycle
from accounts.models import Category, Entry, Erasure, User, Wallet
from accounts.templatetags.user_agents import browser
from catalog.infrastructure.retention import Budget
from catalog.models import Mail
from tests.support.letters import code_in_mail, sign_in


@pytest.fixture
def ada(db: None, client: Client) -> User:
    """Signed in with `client`, just now, as people do."""
    sign_in(client)
    return User.objects.get(email="ada@lab.example")


@pytest.fixture
def bob(ada: User) -> Client:
    """Another person's browser."""
    browser = Client()
    sign_in(browser, "bob@lab.example")
    return browser


def erase_now(person: User) -> None:
    """What a worker does once somebody has asked to be deleted."""
    assert erasure.run(person.pk, Budget(60))


OWN_PAGES = ["/account/", "/account/data/", "/account/delete/", "/account/again/"]


@pytest.mark.parametrize(
    "address",
    [
        *OWN_PAGES,
        "/accounts/2fa/",
        "/accounts/2fa/webauthn/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/sessions/",
        "/accounts/email/",
        "/accounts/3rdparty/",
    ],
)
def test_strangers_are_led_to_sign_in(db: None, client: Client, address: str) -> None:
    assert client.get(address)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", ["/account/", "/account/data/"])
def test_pages_that_only_show_refuse_to_be_posted_to(
    ada: User, client: Client, address: str
) -> None:
    assert client.post(address).status_code == 405


def test_the_profile_shows_what_belongs_to_the_person(
    ada: User, client: Client, bob: Client
) -> None:
    Authenticator.objects.create(
        user=ada, type=Authenticator.Type.WEBAUTHN, data={"name": "my phone", "credential": {}}
    )

    page = client.get("/account/").content.decode()

    assert "ada@lab.example" in page
    assert "my phone" in page
    assert "this browser" in page
    assert "bob@lab.example" not in page
    assert "/account/credit/" in page
    assert "/account/keys/" in page


def test_an_unsafe_name_of_a_browser_is_shown_as_text(db: None) -> None:
    client = Client(HTTP_USER_AGENT="<script>alert(1)</script>")
    sign_in(client)

    page = client.get("/account/").content.decode()

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_another_browser_is_signed_out_from_this_one(ada: User, client: Client) -> None:
    other = Client()
    sign_in(other)
    theirs = UserSession.objects.get(session_key=other.session.session_key)

    client.post(f"/account/sessions/{theirs.pk}/end/")

    assert "_auth_user_id" not in other.session
    assert "_auth_user_id" in client.session


def test_nobody_ends_somebody_elses_session(ada: User, client: Client, bob: Client) -> None:
    own = UserSession.objects.get(user=ada)

    assert bob.post(f"/account/sessions/{own.pk}/end/").status_code == 404
    assert bob.get(f"/account/sessions/{own.pk}/end/").status_code == 405
    assert client.get("/account/").status_code == 200


def test_all_other_browsers_are_signed_out_at_once(ada: User, client: Client) -> None:
    other = Client()
    sign_in(other)

    client.post("/accounts/sessions/")

    assert "_auth_user_id" not in other.session
    assert "_auth_user_id" in client.session


def test_the_export_holds_what_is_kept_and_no_secret(
    ada: User, client: Client, bob: Client
) -> None:
    secret = {"name": "my phone", "credential": {"id": "very-secret"}}
    Authenticator.objects.create(user=ada, type=Authenticator.Type.WEBAUTHN, data=secret)
    credits.grant(ada, amount_micro_usd=500, category=Category.PROMOTION, reference="promotion:1")
    Mail.objects.create(message_id="<1@x>", sender="us@x", recipients=[ada.email], subject="hi")

    answer = client.get("/account/data/")

    assert answer["Content-Disposition"] == 'attachment; filename="gigarouter-my-data.json"'
    text = answer.content.decode()
    data = json.loads(text)
    assert data["person"]["email"] == ada.email
    assert data["addresses"] == [{"email": ada.email, "verified": True, "primary": True}]
    assert data["sign_in_methods"][0]["name"] == "my phone"
    assert data["credit"]["ledger"][-1]["reference"] == "promotion:1"
    assert data["mail_to_you"][0]["subject"] == "hi"
    assert len(data["sessions"]) == 1
    assert "very-secret" not in text
    assert "bob@lab.example" not in text


def test_deleting_removes_the_person_and_keeps_the_ledger(
    ada: User, client: Client, bob: Client
) -> None:
    other = Client()
    sign_in(other)
    credits.grant(ada, amount_micro_usd=500, category=Category.PROMOTION, reference="promotion:1")
    lines = Entry.objects.filter(wallet__user=ada).count()
    wallet = Wallet.objects.get(user=ada)

    answer = client.post("/account/delete/", {"address": "ADA@lab.example"})
    erase_now(ada)

    assert answer["Location"] == "/"
    assert list(User.objects.values_list("email", flat=True)) == ["bob@lab.example"]
    assert not EmailAddress.objects.filter(email="ada@lab.example").exists()
    wallet.refresh_from_db()
    assert wallet.user_id is None
    assert Entry.objects.filter(wallet=wallet).count() == lines
    assert "_auth_user_id" not in client.session
    assert not Session.objects.filter(session_key=other.session.session_key).exists()
    assert bob.get("/account/").status_code == 200


@pytest.mark.parametrize("typed", ["", "bob@lab.example", "ada", "x" * 300 + "@lab.example"])
def test_deleting_needs_the_address_to_be_typed(ada: User, client: Client, typed: str) -> None:
    answer = client.post("/account/delete/", {"address": typed})

    assert answer.status_code == 200
    assert User.objects.filter(pk=ada.pk).exists()


def test_looking_at_the_page_for_deleting_deletes_nothing(ada: User, client: Client) -> None:
    assert client.get("/account/delete/").status_code == 200
    assert User.objects.filter(pk=ada.pk).exists()


def test_who_comes_back_is_a_new_person(ada: User, client: Client) -> None:
    client.post("/account/delete/", {"address": ada.email})

    sign_in(client)

    assert client.session["_auth_user_id"] != str(ada.pk)


def test_every_section_of_the_settings_exports_and_erases(ada: User, settings: Settings) -> None:
    settings.PERSONAL_DATA = ["accounts.personal_data", "tests.accounts.test_profile"]

    assert lifecycle.export(ada)["stamps"] == [ada.pk]
    lifecycle.delete(ada)
    assert erased == ["ada@lab.example", "stamps+ada@lab.example"]


erased: list[str] = []


def export(user: User) -> dict[str, object]:
    """This module plays an app above that keeps stamps."""
    return {"stamps": [user.pk]}


def close(user: User) -> list[str]:
    return [f"stamps+{user.email}"]


def erase(erasure: Erasure, limit: int) -> int:
    if erased:
        return 0
    erased.extend(erasure.addresses)
    return 1


def test_a_second_address_is_confirmed_by_a_code_and_then_signs_in(
    ada: User, client: Client
) -> None:
    client.post("/accounts/email/", {"email": "ada@home.example", "action_add": ""})
    assert not EmailAddress.objects.filter(email="ada@home.example").exists()
    client.post("/accounts/confirm-email/", {"code": code_in_mail()})
    assert EmailAddress.objects.get(email="ada@home.example").verified

    browser = Client()
    sign_in(browser, "ada@home.example")

    assert browser.session["_auth_user_id"] == str(ada.pk)
    assert client.get("/accounts/email/").status_code == 200


def test_nobody_takes_an_address_that_is_somebody_elses(ada: User, bob: Client) -> None:
    bob.post("/accounts/email/", {"email": ada.email, "action_add": ""})

    assert list(EmailAddress.objects.filter(email=ada.email)) == [
        EmailAddress.objects.get(user=ada)
    ]


def test_pages_about_ways_to_sign_in_are_ours(ada: User, client: Client) -> None:
    for address in [
        "/accounts/2fa/",
        "/accounts/2fa/webauthn/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/2fa/totp/activate/",
        "/accounts/sessions/",
        "/accounts/email/",
        "/accounts/3rdparty/",
        "/accounts/logout/",
    ]:
        page = client.get(address).content.decode()

        assert "skip to content" in page, address
        assert " style=" not in page, address
        assert " onclick=" not in page, address


USERS = "/admin/accounts/user/"


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


def test_support_deletes_a_person_as_the_person_would_and_keeps_no_address(
    ada: User, operator: Client
) -> None:
    chosen = list(User.objects.values_list("pk", flat=True))

    operator.post(USERS, {"action": "forget", "_selected_action": chosen})
    erase_now(ada)

    assert list(User.objects.values_list("email", flat=True)) == ["op@lab.example"]
    assert Wallet.objects.get().user_id is None
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.user.email) == (f"person {ada.pk}", "op@lab.example")
    assert operator.post(f"{USERS}{entry.user_id}/delete/", {"post": "yes"}).status_code == 403


@pytest.fixture
def colleague(operator: Client) -> User:
    """Somebody of the house who has changed something in the admin, signed in just now."""
    browser = Client()
    sign_in(browser, "colleague@lab.example")
    User.objects.filter(email="colleague@lab.example").update(is_staff=True, is_superuser=True)
    browser.post("/admin/catalog/source/add/", {"title": "the paper", "slug": "paper"})
    assert LogEntry.objects.get().user.email == "colleague@lab.example"
    return User.objects.get(email="colleague@lab.example")


def test_whoever_the_admins_history_names_does_not_delete_themselves(
    colleague: User, client: Client
) -> None:
    sign_in(client, colleague.email)

    shown = client.get("/account/delete/")
    refused = client.post("/account/delete/", {"address": colleague.email})

    assert (shown.status_code, refused.status_code) == (200, 409)
    assert "Ask another operator to close it" in shown.content.decode()
    assert "<form" not in shown.content.decode().partition("<main")[2].partition("</main")[0]
    assert LogEntry.objects.get().user == colleague


def test_support_closes_such_an_account_instead(
    colleague: User, ada: User, operator: Client
) -> None:
    chosen = {"action": "forget", "_selected_action": [colleague.pk, ada.pk]}

    page = operator.post(USERS, chosen, follow=True).content.decode()

    erase_now(ada)
    assert "1 closed, and being deleted." in page
    assert "The account of colleague@lab.example stays" in page
    assert not User.objects.filter(pk=ada.pk).exists()
    assert LogEntry.objects.filter(user=colleague).exists()


def test_no_way_round_deletes_the_history_with_the_person(colleague: User) -> None:
    with pytest.raises(lifecycle.HasAdminHistory):
        lifecycle.delete(colleague)
    with pytest.raises(IntegrityError, match="history is kept"), transaction.atomic():
        User.objects.filter(pk=colleague.pk).delete()

    assert LogEntry.objects.get().user == colleague


def test_staff_who_have_changed_nothing_may_go(ada: User, client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True)

    client.post("/account/delete/", {"address": ada.email})
    erase_now(ada)

    assert not User.objects.filter(pk=ada.pk).exists()


def test_what_support_changes_of_a_person_is_kept_with_its_values(
    ada: User, operator: Client
) -> None:
    operator.post(f"{USERS}{ada.pk}/change/", {"email": ada.email})

    ada.refresh_from_db()
    assert not ada.is_active
    assert "is_active: True → False" in LogEntry.objects.get().get_change_message()


def test_an_address_that_support_changes_opens_the_account_by_its_code_only(
    ada: User, operator: Client, client: Client
) -> None:
    changed = {"email": "Ada@New.example", "is_active": "on"}
    operator.post(f"{USERS}{ada.pk}/change/", changed)

    assert "_auth_user_id" not in client.session
    sign_in(old := Client(), "ada@lab.example")
    sign_in(new := Client(), "ada@new.example")
    assert new.session["_auth_user_id"] == str(ada.pk)
    assert old.session["_auth_user_id"] != str(ada.pk)


def test_support_gives_nobody_the_address_of_another(
    ada: User, operator: Client, bob: Client
) -> None:
    bobs = User.objects.get(email="bob@lab.example")
    page = operator.post(f"{USERS}{bobs.pk}/change/", {"email": ada.email, "is_active": "on"})

    assert "Another account has that address." in page.content.decode()
    bobs.refresh_from_db()
    assert bobs.email == "bob@lab.example"


def test_staff_without_the_permission_delete_nobody(ada: User) -> None:
    client = Client()
    staff = User.objects.create_user("staff@lab.example", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client.force_login(staff)

    client.post(USERS, {"action": "forget", "_selected_action": [ada.pk]})

    assert User.objects.filter(pk=ada.pk).exists()


def test_what_is_in_the_mail_table_of_others_stays(ada: User) -> None:
    month_ago = timezone.now() - timedelta(days=20)
    Mail.objects.create(
        message_id="<1@x>", sender="us@x", recipients=["bob@lab.example"], created_at=month_ago
    )

    lifecycle.delete(ada)

    assert Mail.objects.count() == 1


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/2010 Firefox/140.0", "Firefox on Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Edg/156.0",
            "Edge on Linux",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8", "curl/8"),
        ("", "an unnamed browser"),
    ],
)
def test_a_browser_is_called_by_its_name(user_agent: str, shown: str) -> None:
    assert browser(user_agent) == shown
