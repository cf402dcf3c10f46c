"""One field signs in whoever reads the mail, and tells nobody whom we know."""

from datetime import timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import lifecycle
from accounts.models import ApiKey, User, Wallet
from accounts.tasks import tidy
from tests.support.letters import code_in_mail, sign_in
from tests.support.threads import at_once
from tests.support.totp import totp_code


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user("ada@lab.example")
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return ada


def who(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def test_a_new_address_and_its_code_make_an_account(db: None, client: Client) -> None:
    sign_in(client, "Ada@Lab.example")

    ada = User.objects.get()
    assert who(client) == str(ada.pk)
    assert ada.email == "ada@lab.example"
    assert not ada.has_usable_password()
    assert EmailAddress.objects.get(user=ada).verified


def test_a_new_person_is_welcomed_once(db: None, client: Client, settings: Settings) -> None:
    settings.FREE_CREDIT_MICRO_USD = 1_000_000
    sign_in(client)
    client.post("/accounts/logout/")
    sign_in(client)

    assert Wallet.objects.get().balance_micro_usd == 1_000_000


def test_nothing_is_given_before_the_code_is_typed(db: None, client: Client) -> None:
    client.post("/accounts/login/", {"login": "ada@lab.example"})

    assert not Wallet.objects.filter(balance_micro_usd__gt=0).exists()
    assert who(client) is None


def test_a_known_address_signs_in_the_person_it_belongs_to(ada: User, client: Client) -> None:
    sign_in(client)

    assert who(client) == str(ada.pk)
    assert User.objects.count() == 1


def test_letters_that_only_look_like_an_address_get_no_code_of_its_person(
    ada: User, client: Client
) -> None:
    User.objects.filter(pk=ada.pk).update(email="ross@lab.example")
    EmailAddress.objects.update(email="ross@lab.example")

    # PostgreSQL makes an S of the long s when it compares without regard to capitals.
    answer = client.post("/accounts/login/", {"login": "ro\u017f\u017f@lab.example"})

    assert answer.status_code == 200
    assert 'class="errorlist"' in answer.content.decode()
    assert not mail.outbox
    assert EmailAddress.objects.count() == 1


def test_letters_that_only_look_like_an_address_are_not_added_to_an_account(
    ada: User, client: Client
) -> None:
    sign_in(client)
    mail.outbox.clear()

    client.post("/accounts/email/", {"action_add": "", "email": "ro\u017f\u017f@lab.example"})

    assert not mail.outbox


@pytest.mark.parametrize(
    "spelling", ["ada@\uff4cab.example", "ada@LAB.EXAMPLE", "ada@l\uff41b.example"]
)
def test_one_mailbox_is_one_person_however_its_domain_is_spelled(
    ada: User, client: Client, spelling: str
) -> None:
    sign_in(client, spelling)

    assert who(client) == str(ada.pk)
    assert mail.outbox[-1].to == [ada.email]
    assert User.objects.count() == EmailAddress.objects.count() == 1


def test_a_person_whose_address_looks_alike_is_somebody_else(ada: User, client: Client) -> None:
    alike = User.objects.create_user("ro\u017f\u017f@lab.example")

    sign_in(client, "ross@lab.example")

    assert who(client) not in {None, str(alike.pk)}


def test_one_made_by_a_command_signs_in_with_one_code(db: None, client: Client) -> None:
    root = User.objects.create_superuser("root@lab.example", "secret")

    answer = sign_in(client, root.email, go_to="/admin/")

    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_signing_in_leads_back_to_where_one_was(ada: User, client: Client) -> None:
    assert sign_in(client, go_to="/models/")["Location"] == "/models/"


def test_nobody_is_led_to_another_site(ada: User, client: Client) -> None:
    assert sign_in(client, go_to="https://evil.example/")["Location"] == "/account/welcome/"


def test_known_unknown_and_closed_addresses_get_the_same_answer(ada: User) -> None:
    User.objects.create_user("closed@lab.example", is_active=False)
    answers, pages = [], []
    for email in [ada.email, "nobody@lab.example", "closed@lab.example"]:
        client = Client()
        response = client.post("/accounts/login/", {"login": email})
        answers.append((response.status_code, response["Location"]))
        page = client.get(response["Location"]).content.decode()
        pages.append(page.replace(email, "").partition("<main")[2].count("<"))

    assert len(set(answers)) == 1
    assert len(set(pages)) == 1


def test_known_and_unknown_addresses_get_the_same_mail(ada: User) -> None:
    bodies = set()
    for email in [ada.email, "nobody@lab.example"]:
        Client().post("/accounts/login/", {"login": email})
        bodies.add(str(mail.outbox[-1].body).replace(code_in_mail(), ""))

    assert len(bodies) == 1


def test_a_closed_account_gets_no_mail(db: None, client: Client) -> None:
    User.objects.create_user("closed@lab.example", is_active=False)

    client.post("/accounts/login/", {"login": "closed@lab.example"})

    assert mail.outbox == []


def test_a_wrong_code_does_not_sign_in_and_three_end_it(ada: User, client: Client) -> None:
    response = client.post("/accounts/login/", {"login": ada.email})
    code = code_in_mail()
    for _ in range(3):
        client.post(response["Location"], {"code": "WRONG-1"})

    client.post(response["Location"], {"code": code})

    assert who(client) is None


def test_a_code_works_only_in_the_browser_that_asked(ada: User, client: Client) -> None:
    response = client.post("/accounts/login/", {"login": ada.email})
    other = Client()
    other.post("/accounts/login/", {"login": "eve@lab.example"})

    other.post(response["Location"], {"code": "AAAA-AAAA"})

    assert who(other) is None


@pytest.mark.parametrize("address", ["", "no address", "a@b", "x" * 250 + "@lab.example"])
def test_what_is_no_address_is_said_to_be_none(db: None, client: Client, address: str) -> None:
    answer = client.post("/accounts/login/", {"login": address})

    assert answer.status_code == 200
    assert 'class="errorlist"' in answer.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("address", ["/accounts/signup/", "/accounts/login/code/"])
def test_signing_up_is_signing_in(db: None, client: Client, address: str) -> None:
    led = client.get(f"{address}?email=ada%40lab.example&next=/models/", follow=True)

    assert led.redirect_chain == [
        ("/accounts/login/?email=ada%40lab.example&next=%2Fmodels%2F", 302)
    ]
    assert 'value="ada@lab.example"' in led.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "password/change/",
        "password/set/",
        "password/reset/",
        "password/reset/done/",
        "password/reset/key/done/",
        "password/reset/key/1-abc/",
        "2fa/reauthenticate/",
        "2fa/webauthn/reauthenticate/",
    ],
)
@pytest.mark.parametrize("signed_in", [True, False])
def test_there_is_no_page_about_passwords(
    ada: User, client: Client, address: str, signed_in: bool
) -> None:
    if signed_in:
        client.force_login(ada)

    assert client.get(f"/accounts/{address}").status_code == 404
    assert client.post(f"/accounts/{address}").status_code == 404


def test_a_password_signs_nobody_in(db: None, client: Client) -> None:
    root = User.objects.create_superuser("root@lab.example", "secret")

    client.post("/accounts/login/", {"login": root.email, "password": "secret"})

    assert who(client) is None


def test_one_network_address_asks_twenty_times_a_minute(db: None) -> None:
    statuses = [
        Client().post("/accounts/login/", {"login": f"person{n}@lab.example"}).status_code
        for n in range(22)
    ]

    assert statuses == [302] * 20 + [429] * 2
    assert Client(REMOTE_ADDR="10.0.0.9").get("/accounts/login/").status_code == 200


def test_while_limits_cannot_be_counted_nobody_gets_mail(
    db: None, client: Client, settings: Settings
) -> None:
    away = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}

    assert client.post("/accounts/login/", {"login": "ada@lab.example"}).status_code == 503
    assert mail.outbox == []


def test_who_never_typed_the_code_is_forgotten_after_a_week(ada: User) -> None:
    week_ago = timezone.now() - timedelta(days=7, minutes=1)
    Client().post("/accounts/login/", {"login": "stranger@lab.example"})
    Client().post("/accounts/login/", {"login": "today@lab.example"})
    User.objects.create_superuser("root@lab.example", "secret")
    User.objects.exclude(email="today@lab.example").update(date_joined=week_ago)

    tidy()

    emails = set(User.objects.values_list("email", flat=True))
    assert emails == {ada.email, "today@lab.example", "root@lab.example"}


def test_a_machine_that_the_operator_gave_a_key_or_credit_is_not_forgotten(db: None) -> None:
    call_command("issue_key", "robot@lab.example", "--grant-usd", "5", stdout=StringIO())
    User.objects.update(date_joined=timezone.now() - timedelta(days=8))

    tidy()

    assert ApiKey.objects.get().user.wallet.balance_micro_usd == 5_000_000


def test_an_authenticator_app_is_a_second_step(ada: User, client: Client) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ada, secret)

    answer = sign_in(client)
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert who(client) is None
    client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})

    assert who(client) == str(ada.pk)


def test_a_passkey_alone_asks_for_no_second_step(ada: User, client: Client) -> None:
    Authenticator.objects.create(
        user=ada, type=Authenticator.Type.WEBAUTHN, data={"name": "phone", "credential": {}}
    )

    sign_in(client)

    assert who(client) == str(ada.pk)


def test_nobody_signs_in_with_an_invented_passkey(ada: User, client: Client) -> None:
    for credential in ["", "[]", "{}", '{"id": "x", "response": {}}', "null", "not json"]:
        answer = client.post("/accounts/2fa/webauthn/login/", {"credential": credential})

        assert answer["Location"] == "/accounts/login/", credential
    assert who(client) is None


@pytest.mark.parametrize("address", ["/accounts/2fa/webauthn/add/", "/accounts/2fa/totp/activate/"])
def test_new_ways_to_sign_in_need_a_recent_sign_in(ada: User, client: Client, address: str) -> None:
    client.force_login(ada)

    assert client.get(address)["Location"].startswith("/account/again/?next=")
    sign_in(client := Client())
    assert client.get(address).status_code == 200


def test_other_sites_are_offered_only_where_the_site_has_their_keys(
    db: None, client: Client, settings: Settings
) -> None:
    assert "continue with" not in client.get("/accounts/login/").content.decode()

    app = {"client_id": "1", "secret": "2"}
    providers = settings.SOCIALACCOUNT_PROVIDERS
    settings.SOCIALACCOUNT_PROVIDERS = {
        name: provider | {"APPS": [app]} for name, provider in providers.items()
    }

    page = client.get("/accounts/login/").content.decode()
    assert "continue with Google" in page
    assert "continue with GitHub" in page
    led = client.post("/accounts/github/login/")
    assert led["Location"].startswith("https://github.com/login/oauth/authorize?")
    led = client.post("/accounts/google/login/")
    assert led["Location"].startswith("https://accounts.google.com/o/oauth2/")
    assert client.get("/accounts/github/login/").status_code == 200, "a link alone signs nobody in"


def test_a_provider_without_keys_is_not_there(db: None, client: Client) -> None:
    assert client.post("/accounts/github/login/").status_code == 404


def test_the_page_for_signing_in_looks_like_the_site(db: None, client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()

    assert "skip to content" in page
    assert 'content="noindex"' in page


def test_a_person_without_a_confirmed_address_is_not_welcomed(db: None) -> None:
    lifecycle.onboard(User.objects.create_user("ada@lab.example"))

    assert not Wallet.objects.filter(balance_micro_usd__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_ten_first_sign_ins_at_once_make_one_person() -> None:
    def ask(_: int) -> int:
        return Client().post("/accounts/login/", {"login": "ada@lab.example"}).status_code

    statuses = at_once(ask, 10)

    assert User.objects.count() == EmailAddress.objects.count() == 1
    assert set(statuses) <= {200, 302, 429}
    assert len(mail.outbox) <= 3
