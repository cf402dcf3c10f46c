"""Staff show a second factor before the admin opens, from the first run on."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import get_resolver, reverse
from pytest_django import Settings

from accounts import checks
from accounts.models import User
from tests.support.letters import add_passkey, sign_in
from tests.support.totp import totp_code

ROOT = "root@lab.example"


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.ADMIN_SECOND_FACTOR = True


@pytest.fixture
def root(db: None) -> User:
    call_command("createsuperuser", "--noinput", email=ROOT, stdout=StringIO())
    return User.objects.get()


@pytest.fixture
def secret(root: User) -> str:
    """Of the authenticator app that root has set up, signed in by a code."""
    sign_in(Client(), ROOT)
    secret: str = generate_totp_secret()
    TOTP.activate(root, secret)
    return secret


def test_from_the_first_run_to_the_admin(root: User, client: Client) -> None:
    answer = sign_in(client, ROOT, go_to="/admin/")
    page = client.get(answer["Location"], follow=True)
    assert page.redirect_chain[-1][0] == "/account/second-factor/?next=%2Fadmin%2F"
    assert "set up a second factor" in page.content.decode()

    form = client.get("/accounts/2fa/totp/activate/").context["form"]
    done = client.post("/accounts/2fa/totp/activate/", {"code": totp_code(form.secret)})
    assert done["Location"] == "/accounts/2fa/recovery-codes/"
    assert "open the admin" in client.get(done["Location"]).content.decode()
    led = client.get("/admin/", follow=True)
    assert "authenticator app" in led.content.decode()
    Authenticator.objects.update(last_used_at=None)
    shown = {"way": "app", "code": recovery_code(root), "next": "/admin/"}
    answer = client.post(led.redirect_chain[-1][0], shown)

    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def recovery_code(user: User) -> str:
    codes = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    code: str = RecoveryCodes(codes).get_unused_codes()[0]
    return code


def test_a_code_by_mail_alone_opens_no_page_of_the_admin(root: User, client: Client) -> None:
    client.force_login(root)
    for address in [
        *("/admin/", "/admin/accounts/user/", "/admin/catalog/modelcard/"),
        *("/admin/demand/", "/admin/demand/abuse/", "/admin/demand/weeks.csv", "/admin/fleet/"),
        "/admin/launch/1/",
    ]:
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/admin/login/"), address


def test_every_address_below_the_admin_asks_for_it(root: User, client: Client) -> None:
    """Whoever adds a page of their own there is found out here."""
    client.force_login(root)
    own = [p for p in get_resolver().url_patterns if str(p.pattern).startswith("admin/")]
    names = [str(p.pattern).replace("<int:pk>", "1") for p in own]

    for name in names:
        answer = client.get(f"/{name}", follow=True)
        assert answer.redirect_chain, name
        assert "/account/second-factor/" in answer.redirect_chain[-1][0], name


def test_signing_in_with_an_app_opens_the_admin(root: User, secret: str, client: Client) -> None:
    sign_in(client, ROOT, go_to="/admin/")
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})

    assert client.get("/admin/").status_code == 200


def test_from_the_first_run_to_the_admin_with_a_passkey(root: User, client: Client) -> None:
    sign_in(client, ROOT, go_to="/admin/")
    passkey = add_passkey(client)
    assert client.get("/admin/").status_code == 302, "it was made, and not used yet"

    page = client.get("/account/second-factor/?next=/admin/")
    options = page.context["passkey_options"]["request_options"]
    sent = {"way": "passkey", "credential": passkey.get(options), "next": "/admin/"}
    answer = client.post("/account/second-factor/", sent)

    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_signing_in_with_a_passkey_opens_the_admin(root: User, client: Client) -> None:
    sign_in(browser := Client(), ROOT)
    passkey = add_passkey(browser)

    asked = client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})
    credential = passkey.get(asked.json()["request_options"])
    client.post("/accounts/2fa/webauthn/login/", {"credential": credential})

    assert client.get("/admin/").status_code == 200


def test_a_recovery_code_stands_in_for_a_lost_passkey(root: User, client: Client) -> None:
    sign_in(client, ROOT)
    add_passkey(client)

    sent = {"way": "app", "code": recovery_code(root)}
    assert client.post("/account/second-factor/", sent).status_code == 302

    assert client.get("/admin/").status_code == 200


def test_a_wrong_code_opens_nothing(root: User, secret: str, client: Client) -> None:
    client.force_login(root)

    answer = client.post("/account/second-factor/", {"way": "app", "code": "000000"})

    assert answer.status_code == 400
    assert client.get("/admin/").status_code == 302


def test_a_code_by_mail_is_no_second_factor(root: User, client: Client) -> None:
    client.force_login(root)

    client.post("/account/second-factor/", {"way": "send"})
    client.post("/account/second-factor/", {"way": "mail", "code": "AAAA"})

    assert client.get("/admin/").status_code == 302


def test_a_second_factor_of_one_session_is_none_of_another(
    root: User, secret: str, client: Client
) -> None:
    sign_in(client, ROOT)
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
    other = Client()
    other.force_login(root)

    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302


def test_people_who_are_no_staff_are_refused_and_not_sent_round(db: None, client: Client) -> None:
    sign_in(client)

    assert client.get("/admin/", follow=True).status_code == 403
    assert client.get("/account/second-factor/").status_code == 403


def test_whoever_has_lost_everything_begins_anew(root: User, secret: str, client: Client) -> None:
    RecoveryCodes.activate(root)
    sign_in(client, ROOT)
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})

    call_command("reset_second_factor", ROOT, stdout=StringIO())

    assert not Authenticator.objects.exists()
    assert "_auth_user_id" not in client.session
    sign_in(browser := Client(), ROOT)
    page = browser.get(reverse("account_second_factor")).content.decode()
    assert "set up a second factor" in page
    with pytest.raises(CommandError):
        call_command("reset_second_factor", "nobody@lab.example")


def test_a_real_site_is_warned_without_it(settings: Settings) -> None:
    assert checks.admin_has_second_factor() == []

    settings.ADMIN_SECOND_FACTOR = False

    assert [warning.id for warning in checks.admin_has_second_factor()] == ["accounts.W002"]
