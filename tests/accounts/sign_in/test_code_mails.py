"""Codes are counted by who asks: nobody locks another person's address out."""

import html
import re
import time

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.sign_in import code_mails
from catalog import limits
from catalog.limits import known_browsers, mails
from tests.support.http.responses import Response
from tests.support.letters import code_in_mail, sign_in
from tests.support.threads import at_once

ADA = "ada@lab.example"
WINDOWS_MET = 2  # the clock may go on to the next half hour in the middle of a test


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user(ADA)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return ada


def ask(client: Client, email: str = ADA) -> Response:
    return client.post("/accounts/login/", {"login": email})


def from_network(number: int) -> Client:
    return Client(REMOTE_ADDR=f"198.51.100.{number}")


def ask_from_many_networks(email: str = ADA) -> int:
    """How many codes they got before the address had enough of strangers."""
    before = len(mail.outbox)
    for number in range(2 * mails.STRANGERS_PER_HOUR):
        ask(from_network(number), email)
    return len(mail.outbox) - before


def is_told_of_the_crowd(client: Client) -> bool:
    answer = ask(client)
    return code_mails.CROWDED in html.unescape(client.get(answer["Location"]).content.decode())


def test_one_network_gets_three_codes_in_nine_minutes_for_an_address(ada: User) -> None:
    answers = [ask(Client()) for _ in range(5)]

    assert len(mail.outbox) == 3
    assert [answer.status_code for answer in answers] == [302] * 3 + [429] * 2


def test_one_network_gets_five_codes_a_day_for_an_address(ada: User) -> None:
    for _ in range(7):
        ask(Client())
        forget_short_windows(ADA)

    assert len(mail.outbox) == mails.NETWORK_PER_DAY


def forget_short_windows(email: str) -> None:
    """As if nine minutes had passed."""
    for limit in mails.limits_of("code", email, mails.Requester("127.0.0.1")):
        if limit.window_s == mails.SHORT_WINDOW_S:
            cache.delete(limit.key)


def test_who_uses_up_a_share_uses_up_their_own(ada: User) -> None:
    eve = from_network(66)
    for _ in range(9):
        ask(Client(REMOTE_ADDR="198.51.100.66"))
    assert ask(eve).status_code == 429

    answer = ask(client := from_network(1))
    client.post(answer["Location"], {"code": code_in_mail()})

    assert client.session["_auth_user_id"] == str(ada.pk)


def test_a_neighbor_in_an_ipv6_network_is_another_and_a_new_address_in_it_is_not(ada: User) -> None:
    for last in range(4):
        answer = ask(Client(REMOTE_ADDR=f"2001:db8:1:2::{last}"))
    assert answer.status_code == 429

    assert ask(Client(REMOTE_ADDR="2001:db8:1:3::1")).status_code == 302


def test_all_strangers_together_get_ten_codes_an_hour_and_one_each_half_hour(ada: User) -> None:
    assert ask_from_many_networks() <= mails.STRANGERS_PER_HOUR + WINDOWS_MET
    sent = len(mail.outbox)
    ask_from_many_networks()
    assert len(mail.outbox) <= sent + WINDOWS_MET


def test_a_crowd_of_networks_keeps_no_unknown_browser_out(ada: User) -> None:
    ask_from_many_networks()

    answer = ask(client := from_network(200))
    page = client.get(answer["Location"]).content.decode()
    client.post(answer["Location"], {"code": code_in_mail()})

    assert answer.status_code == 302
    assert "please look for the newest mail" in page
    assert client.session["_auth_user_id"] == str(ada.pk)


def test_a_shared_code_is_long_and_of_one_mailbox_and_half_hour() -> None:
    code = code_mails.shared_code(ADA, 1)

    assert re.fullmatch(r"([B-Z]{4}-){2}[B-Z]{4}", code)
    others = [code_mails.shared_code(ADA, 2), code_mails.shared_code("eve@lab.example", 1)]
    assert len({code, *others}) == 3
    assert code_mails.shared_code("ada+1@gmail.com", 1) == code_mails.shared_code(
        "ada@gmail.com", 1
    )


def test_a_code_of_ones_own_is_not_the_one_a_crowd_shares(ada: User) -> None:
    answer = ask(early := from_network(201))
    ask_from_many_networks()
    ask(from_network(202))

    early.post(answer["Location"], {"code": code_in_mail()})

    assert "_auth_user_id" not in early.session


def test_in_a_crowd_each_network_still_has_its_own_limit(ada: User) -> None:
    ask_from_many_networks()

    answers = [ask(from_network(203)).status_code for _ in range(4)]

    assert answers == [302, 302, 302, 429]


def test_in_a_crowd_known_and_unknown_addresses_are_answered_alike(ada: User) -> None:
    pages = []
    for email in [ADA, "nobody@lab.example"]:
        ask_from_many_networks(email)
        answer = ask(client := from_network(204), email)
        page = client.get(answer["Location"]).content.decode()
        pages.append(re.sub(r'value="[^"]*"', "", page).replace(email, ""))

    assert pages[0] == pages[1]


def test_a_browser_that_has_signed_in_before_has_a_reserve(ada: User) -> None:
    known = from_network(1)
    sign_in(known)
    known.post("/accounts/logout/")
    ask_from_many_networks()
    sent = len(mail.outbox)

    answer = ask(known)
    known.post(answer["Location"], {"code": code_in_mail()})

    assert len(mail.outbox) == sent + 1
    assert known.session["_auth_user_id"] == str(ada.pk)


def test_the_reserve_of_a_browser_has_its_limits_too(ada: User) -> None:
    known = Client()
    sign_in(known)

    for _ in range(6):
        known.post("/accounts/logout/")
        answer = ask(known)

    # One by a stranger, before it was known, and three by a known browser.
    assert len(mail.outbox) == 1 + mails.PER_SHORT_WINDOW["code"]
    assert answer.status_code == 429


def test_a_browser_known_for_one_address_is_a_stranger_to_another(ada: User) -> None:
    eve = from_network(66)
    sign_in(eve, "eve@evil.example")
    eve.post("/accounts/logout/")
    ask_from_many_networks()

    assert is_told_of_the_crowd(eve)


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "a.b:1:c", "a" * 4000])
def test_a_forged_cookie_makes_no_browser_known(ada: User, cookie: str) -> None:
    ask_from_many_networks()
    eve = from_network(66)
    eve.cookies["browser"] = cookie

    assert is_told_of_the_crowd(eve)


def test_the_cookie_of_a_known_browser_names_nobody_and_no_script_reads_it(ada: User) -> None:
    answer = sign_in(Client())
    cookie = answer.cookies["browser"]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert int(cookie["max-age"]) == known_browsers.LIFETIME.total_seconds()
    assert "ada" not in cookie.value
    other = sign_in(Client()).cookies["browser"].value
    assert not {*cookie.value.split(".")} & {*other.split(".")}


def test_a_known_browser_stays_known_while_the_key_changes(ada: User, settings: Settings) -> None:
    known = Client()
    sign_in(known)
    known.post("/accounts/logout/")
    ask_from_many_networks()

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" + "x" * 50

    assert not is_told_of_the_crowd(known)


def test_a_refusal_says_the_true_time_and_costs_nothing(ada: User) -> None:
    for _ in range(3):
        ask(Client())
    first = ask(Client())
    time.sleep(1.1)
    later = ask(Client())

    assert 0 < int(later["Retry-After"]) < int(first["Retry-After"]) <= mails.SHORT_WINDOW_S
    assert "We can send the next code in 9 minutes" in first.content.decode()
    assert "passkey" in first.content.decode()


def test_at_the_time_that_was_said_there_is_room_again() -> None:
    short = [limits.Limit(f"short:{n}", 1, 1) for n in range(2)]
    assert limits.spend(short) == 0
    wait = limits.spend(short)
    assert wait == 1

    time.sleep(wait)

    assert limits.spend(short) == 0


def test_known_and_unknown_addresses_are_refused_alike(ada: User) -> None:
    pages = []
    for email in [ADA, "nobody@lab.example"]:
        for _ in range(4):
            answer = ask(Client(), email)
        pages.append(re.sub(r'value="[^"]*"', "", answer.content.decode()).replace(email, ""))

    assert pages[0] == pages[1]


def test_a_code_that_was_sent_still_works_after_a_new_one_was_refused(
    ada: User, client: Client
) -> None:
    answer = ask(client)
    for _ in range(2):
        ask(Client())
    code = code_in_mail_of_first()

    page = client.post(answer["Location"], {"action": "resend"}, follow=True).content.decode()
    client.post(answer["Location"], {"code": code})

    assert "The newest one still works" in page
    assert "We can send the next code in 9 minutes" in page
    assert len(mail.outbox) == 3
    assert client.session["_auth_user_id"] == str(ada.pk)


def code_in_mail_of_first() -> str:
    newest = mail.outbox[1:]
    del mail.outbox[1:]
    code = code_in_mail()
    mail.outbox.extend(newest)
    return code


def test_who_comes_back_to_the_form_is_offered_the_code_that_still_works(
    ada: User, client: Client
) -> None:
    ask(client)

    led = client.get("/accounts/login/", follow=True)

    assert led.redirect_chain == [("/accounts/login/code/confirm/", 302)]
    assert len(mail.outbox) == 1


def test_plus_addresses_of_one_mailbox_share_its_mails(db: None) -> None:
    for number in range(5):
        ask(Client(), f"ada+{number}@gmail.com")

    assert len(mail.outbox) == 3


def test_adding_an_address_counts_as_asking_for_a_code_to_it(db: None, client: Client) -> None:
    sign_in(client, "eve@evil.example")
    mail.outbox.clear()

    for _ in range(5):
        page = client.post("/accounts/email/", {"email": ADA, "action_add": ""}).content.decode()

    assert len(mail.outbox) == 3
    assert "can send the next code in" in page
    assert ask(from_network(1)).status_code == 302, "its owner asks from elsewhere"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_as_many_get_a_code_as_may() -> None:
    requester = mails.Requester("198.51.100.1")

    waits = at_once(lambda _: mails.count("code", ADA, requester), 12)

    assert waits.count(0) == mails.PER_SHORT_WINDOW["code"]
