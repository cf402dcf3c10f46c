"""Signing in with Google and GitHub, against a provider that speaks both over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.fakes import identity_provider
from tests.fakes.identity_provider import CLIENT_ID, Account, Address, IdentityProvider
from tests.support.http.responses import Response
from tests.support.letters import code_in_mail, sign_in

ADA = "ada@lab.example"
EVE = "eve@evil.example"


@pytest.fixture
def provider(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[IdentityProvider]:
    apps = {"APPS": [{"client_id": CLIENT_ID, "secret": "s"}]}
    settings.SOCIALACCOUNT_PROVIDERS = {
        name: known | apps for name, known in settings.SOCIALACCOUNT_PROVIDERS.items()
    }
    with identity_provider.serving() as served:
        # allauth reads where the providers are from its settings, once, when it is imported.
        for adapter, name in [(GitHubOAuth2Adapter, "github"), (GoogleOAuth2Adapter, "google")]:
            monkeypatch.setattr(adapter, "authorize_url", f"{served.url}/{name}/authorize")
            monkeypatch.setattr(adapter, "access_token_url", f"{served.url}/{name}/token")
        monkeypatch.setattr(GitHubOAuth2Adapter, "profile_url", f"{served.url}/github/user")
        monkeypatch.setattr(GitHubOAuth2Adapter, "emails_url", f"{served.url}/github/user/emails")
        yield served


def come_by(client: Client, name: str, *, process: str = "login") -> Response:
    """Press the button, allow it at the provider, and come back."""
    led = client.post(f"/accounts/{name}/login/", {"process": process})
    back = requests.get(led["Location"], allow_redirects=False, timeout=5).headers["Location"]
    parts = urlsplit(back)
    return client.get(f"{parts.path}?{parts.query}")


def who(client: Client) -> User | None:
    number = client.session.get("_auth_user_id")
    return User.objects.get(pk=number) if number else None


def verified() -> dict[str, str]:
    """Each address that identifies somebody, and whom, by their main address."""
    rows = EmailAddress.objects.filter(verified=True).select_related("user")
    return {row.email: row.user.email for row in rows}


@pytest.mark.parametrize("name", ["github", "google"])
def test_a_vouched_address_makes_an_account(
    provider: IdentityProvider, client: Client, name: str
) -> None:
    provider.signed_in = Account("1", [Address(ADA)])

    come_by(client, name)

    assert verified() == {ADA: ADA}
    assert who(client) == User.objects.get()
    client.post("/accounts/logout/")
    come_by(client, name)
    assert who(client) == User.objects.get()


@pytest.mark.parametrize("name", ["github", "google"])
def test_an_address_nobody_vouches_for_makes_none(
    provider: IdentityProvider, client: Client, name: str
) -> None:
    provider.signed_in = Account("1", [Address(ADA, verified=False)], public_email=ADA)

    page = client.get(come_by(client, name)["Location"]).content.decode()

    assert who(client) is None
    assert not User.objects.exists()
    assert "verified any e-mail address of that account" in page


def test_an_unconfirmed_secondary_address_at_github_does_not_lead_its_owner_into_the_account(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = Account(
        "1", [Address(EVE), Address(ADA, verified=False, primary=False)], public_email=ADA
    )
    come_by(client, "github")

    browser = Client()
    sign_in(browser, ADA)

    assert verified() == {EVE: EVE, ADA: ADA}
    assert who(browser) != who(client)
    assert not EmailAddress.objects.filter(email=ADA, user__email=EVE).exists()


def test_an_unconfirmed_main_address_at_github_is_passed_over_for_a_confirmed_one(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = Account("1", [Address(ADA, verified=False), Address(EVE, primary=False)])

    come_by(client, "github")

    assert verified() == {EVE: EVE}
    assert User.objects.get().email == EVE


def test_only_one_of_several_confirmed_addresses_is_taken(
    provider: IdentityProvider, client: Client
) -> None:
    second = Address("octo@old-work.example", primary=False)
    provider.signed_in = Account("1", [second, Address(ADA)])

    come_by(client, "github")

    assert verified() == {ADA: ADA}


def test_a_main_address_that_changes_at_the_provider_changes_nothing_here(
    provider: IdentityProvider, client: Client
) -> None:
    sign_in(Client(), ADA)
    provider.signed_in = Account("1", [Address(EVE)])
    come_by(client, "github")
    eve = who(client)

    for address in (Address(ADA, verified=False), Address(ADA)):
        provider.signed_in.addresses = [address, Address(EVE, primary=False)]
        browser = Client()
        come_by(browser, "github")
        assert who(browser) == eve

    assert verified() == {ADA: ADA, EVE: EVE}


def test_the_same_address_at_two_providers_is_one_person(provider: IdentityProvider) -> None:
    browsers = []
    for name in ["google", "github"]:
        provider.signed_in = Account("1", [Address(ADA)])
        come_by(browser := Client(), name)
        browsers.append(who(browser))

    assert browsers == [User.objects.get()] * 2
    assert SocialAccount.objects.count() == 2


def test_the_same_address_unconfirmed_at_the_second_provider_is_not(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = Account("1", [Address(ADA)])
    come_by(Client(), "google")
    provider.signed_in = Account("2", [Address(ADA, verified=False)])

    come_by(client, "github")

    assert who(client) is None
    assert SocialAccount.objects.get().provider == "google"


def test_whoever_has_signed_in_by_mail_meets_the_same_account(
    provider: IdentityProvider, client: Client
) -> None:
    sign_in(client, ADA)
    provider.signed_in = Account("1", [Address(ADA)])

    come_by(browser := Client(), "google")

    assert who(browser) == who(client)


def test_a_provider_is_connected_by_whoever_is_signed_in_whatever_its_addresses(
    provider: IdentityProvider, client: Client
) -> None:
    sign_in(Client(), ADA)
    sign_in(client, EVE)
    provider.signed_in = Account("1", [Address(ADA), Address("x@x.example", verified=False)])

    come_by(client, "github", process="connect")

    assert SocialAccount.objects.get().user == who(client) == User.objects.get(email=EVE)
    assert verified() == {ADA: ADA, EVE: EVE}, "connecting adds no address"


def test_a_provider_of_somebody_else_is_not_connected(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = Account("1", [Address(ADA)])
    come_by(Client(), "github")
    sign_in(client, EVE)

    come_by(client, "github", process="connect")

    assert SocialAccount.objects.get().user.email == ADA


def test_connecting_after_a_while_first_asks_whether_it_is_still_you(
    provider: IdentityProvider, client: Client
) -> None:
    sign_in(client, EVE)
    age_sign_in(client)
    provider.signed_in = Account("1", [Address(EVE)])

    led = come_by(client, "github", process="connect")
    assert client.get(led["Location"]).status_code == 200
    assert not SocialAccount.objects.exists()
    client.post(led["Location"], {"way": "send"})
    client.post(led["Location"], {"way": "mail", "code": code_in_mail()})

    assert SocialAccount.objects.get().user == who(client)


def test_a_connected_provider_can_be_disconnected(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = Account("1", [Address(ADA)])
    come_by(client, "github")

    client.post("/accounts/3rdparty/", {"account": SocialAccount.objects.get().pk})

    assert not SocialAccount.objects.exists()
    sign_in(browser := Client(), ADA)
    assert who(browser) == User.objects.get()


def test_a_canceled_or_forged_callback_signs_nobody_in(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = None
    come_by(client, "github")
    assert who(client) is None

    provider.codes["stolen"] = Account("1", [Address(ADA)])
    for query in ["code=stolen", "code=stolen&state=made-up", "state=x", "error=server_error"]:
        page = client.get(f"/accounts/github/login/callback/?{query}")
        assert page.status_code in {200, 401}, query
        assert who(client) is None


def test_a_state_of_one_browser_is_none_in_another(
    provider: IdentityProvider, client: Client
) -> None:
    provider.signed_in = Account("1", [Address(EVE)])
    led = Client().post("/accounts/github/login/")
    back = requests.get(led["Location"], allow_redirects=False, timeout=5).headers["Location"]

    client.get(f"{urlsplit(back).path}?{urlsplit(back).query}")

    assert who(client) is None


@pytest.fixture
def claimed(db: None) -> User:
    """Eve's account, which named Ada's address too, as sign-ups with GitHub used to leave it."""
    eve = User.objects.create_user(EVE)
    User.objects.filter(pk=eve.pk).update(last_login=timezone.now() - timedelta(days=1))
    EmailAddress.objects.create(user=eve, email=EVE, verified=True, primary=True)
    EmailAddress.objects.create(user=eve, email=ADA)
    return eve


def test_a_code_proves_an_address_for_its_own_account_and_ends_other_claims(
    claimed: User, client: Client
) -> None:
    sign_in(client, ADA)

    assert verified() == {EVE: EVE, ADA: ADA}
    assert not EmailAddress.objects.filter(user=claimed, email=ADA).exists()
    assert who(client) != claimed


@pytest.mark.parametrize("name", ["github", "google"])
def test_a_provider_proves_it_as_a_code_does(
    claimed: User, provider: IdentityProvider, client: Client, name: str
) -> None:
    provider.signed_in = Account("1", [Address(ADA)])

    come_by(client, name)

    assert verified() == {EVE: EVE, ADA: ADA}
    assert who(client) not in {None, claimed}
    assert not EmailAddress.objects.filter(user=claimed, email=ADA).exists()


def test_adding_an_address_ends_other_claims(claimed: User, client: Client) -> None:
    sign_in(client, "ada@home.example")

    client.post("/accounts/email/", {"email": ADA, "action_add": ""})
    client.post("/accounts/confirm-email/", {"code": code_in_mail()})

    assert verified()[ADA] == "ada@home.example"
    assert not EmailAddress.objects.filter(user=claimed, email=ADA).exists()


def test_a_main_address_that_was_never_proved_identifies_nobody(
    claimed: User, client: Client
) -> None:
    User.objects.filter(pk=claimed.pk).update(email=ADA)

    sign_in(client, ADA)

    claimed.refresh_from_db()
    assert claimed.email == EVE
    assert who(client) == User.objects.get(email=ADA) != claimed


def test_what_a_stranger_attached_to_an_unproved_account_goes_as_its_owner_comes(
    provider: IdentityProvider, client: Client
) -> None:
    """As sign-ups with GitHub by an unconfirmed address used to leave it."""
    nobodys = User.objects.create_user(ADA)
    EmailAddress.objects.create(user=nobodys, email=ADA, primary=True)
    SocialAccount.objects.create(user=nobodys, provider="github", uid="666")

    sign_in(client, ADA)
    provider.signed_in = Account("666", [Address(EVE)])
    come_by(eve := Client(), "github")

    assert who(client) == nobodys
    assert who(eve) == User.objects.get(email=EVE)


def test_a_code_that_somebody_asks_for_does_not_keep_the_owner_from_adding_the_address(
    db: None, client: Client
) -> None:
    sign_in(client, "ada@home.example")
    Client().post("/accounts/login/", {"login": ADA})

    client.post("/accounts/email/", {"email": ADA, "action_add": ""})
    client.post("/accounts/confirm-email/", {"code": code_in_mail()})

    assert verified()[ADA] == "ada@home.example"
    assert not User.objects.filter(email=ADA).exists()


def test_an_account_that_the_operator_made_is_not_taken_by_adding_its_address(
    db: None, client: Client
) -> None:
    root = User.objects.create_superuser("root@lab.example")
    sign_in(client, ADA)

    client.post("/accounts/email/", {"email": root.email, "action_add": ""})
    client.post("/accounts/confirm-email/", {"code": code_in_mail()})
    assert root.email not in verified()
    sign_in(browser := Client(), root.email)

    assert who(browser) == root


def test_a_closed_account_is_not_opened_by_a_provider(
    provider: IdentityProvider, client: Client
) -> None:
    sign_in(Client(), ADA)
    User.objects.update(is_active=False)
    provider.signed_in = Account("1", [Address(ADA)])

    come_by(client, "google")

    assert who(client) is None
    assert User.objects.count() == 1


def age_sign_in(client: Client) -> None:
    """As if it had been an hour ago."""
    session = client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [r | {"at": r["at"] - 3600} for r in records]
    session.save()


def test_mail_of_an_address_that_is_only_claimed_is_not_in_the_export(
    claimed: User, client: Client, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"
    mail.EmailMessage("for ada", "text", to=[ADA]).send()
    client.force_login(claimed)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "code", "at": timezone.now().timestamp()}
    ]
    session["account_authentication_methods_user"] = str(claimed.pk)
    session.save()

    assert client.get("/account/data/").json()["mail_to_you"] == []
