"""The waitlist's pages: what they do, whom they refuse, and what a scanner cannot do by looking."""

import csv
import html
import io
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.core.cache import cache
from django.db.models import F
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from catalog.demand import waitlist
from catalog.demand.waitlist import links
from catalog.limits import known_browsers
from catalog.models import ModelCard, Subscriber, WaitlistEntry
from tests.catalog.demand.joining import ADA, asked_token, person, waits
from tests.conftest import make_card

PAGE = "/models/openai/clip-vit-base-patch32/waitlist/"
FORM = {"email": ADA, "website": "", "consent": "1"}


@pytest.fixture
def ada(card: ModelCard) -> User:
    return person(ADA)


def link_to(name: str, *arguments: str) -> str:
    return reverse(f"waitlist-{name}", args=arguments)


def path(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def leave_path(card: ModelCard | None) -> str:
    return path(links.to_leave(Subscriber.objects.get(), card))


# --- asking ---------------------------------------------------------------------------------------


def test_the_form_sends_a_mail(card: ModelCard, client: Client) -> None:
    redirect = client.post(PAGE, FORM)

    assert (redirect.status_code, redirect["Location"]) == (302, f"{PAGE}sent/")
    assert mail.outbox[0].to == [ADA]
    assert "check your e-mail" in client.get(redirect["Location"]).content.decode()


def test_the_form_needs_no_cookie(card: ModelCard) -> None:
    assert Client(enforce_csrf_checks=True).post(PAGE, FORM).status_code == 302
    assert len(mail.outbox) == 1


def test_the_anonymous_form_holds_no_token_and_the_sentence_it_names(
    card: ModelCard, client: Client
) -> None:
    page = client.get(PAGE)

    assert "csrfmiddlewaretoken" not in page.content.decode()
    assert f'name="consent" value="{waitlist.CONSENT}"' in page.content.decode()
    assert f"We e-mail you when {card.name} launches" in page.content.decode()
    assert page.cookies == {}


def test_the_form_in_a_shared_page_asks_the_database_nothing(
    card: ModelCard, rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        form = render_to_string(
            "catalog/demand/_waitlist_join.html",
            {"card": card, "user": AnonymousUser()},
            rf.get("/"),
        )

    assert PAGE in form
    assert "csrfmiddlewaretoken" not in form


def test_known_and_unknown_addresses_get_the_same_answer(card: ModelCard) -> None:
    waits(card, "known@lab.example")
    asked_token(card, "asked@lab.example")
    cache.clear()

    answers = []
    for name in ["known", "asked", "unknown", "unknown"]:  # the last: beyond the limit
        visitor = Client()
        redirect = visitor.post(PAGE, FORM | {"email": f"{name}@lab.example"})
        page = visitor.get(redirect["Location"])
        answers.append((redirect.status_code, redirect["Location"], redirect.cookies, page.content))

    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@lab.example",
        "ada lab@lab.example",
        "ada@lab.example\nBcc: x@y.example",
        "a\0da@lab.example",
        f"{'a' * 243}@lab.example",
        "ſam@lab.example",
        "ada@.example",
        f"ada@{'ü' * 80}.example",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(
    card: ModelCard, client: Client, email: str
) -> None:
    answer = client.post(PAGE, FORM | {"email": email})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode() or "error" in answer.content.decode()
    assert mail.outbox == []


def test_the_longest_address_is_taken(card: ModelCard, client: Client) -> None:
    longest = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
    longest = longest.replace("@", "@" + "e" * (254 - len(longest) - 1) + ".")

    assert len(longest) == 254
    assert client.post(PAGE, FORM | {"email": longest}).status_code == 302
    assert Subscriber.objects.get().email == longest


@pytest.mark.parametrize("consent", ["", "0", "999"])
def test_a_sentence_that_was_never_ours_is_no_consent(
    card: ModelCard, client: Client, consent: str
) -> None:
    assert client.post(PAGE, FORM | {"consent": consent}).status_code == 400
    assert mail.outbox == []


def test_a_machine_hears_the_same_and_nothing_happens(card: ModelCard, client: Client) -> None:
    redirect = client.post(PAGE, FORM | {"website": "https://spam.example"})

    assert (redirect.status_code, redirect["Location"]) == (302, f"{PAGE}sent/")
    assert mail.outbox == []
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 302),
        ({"sec-fetch-site": "none"}, 302),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://testserver"}, 302),
        ({"origin": "https://forms.example"}, 302),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver", "sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_a_form_on_another_site_is_refused(
    card: ModelCard, client: Client, settings: Settings, headers: dict[str, str], status: int
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://forms.example"]

    assert client.post(PAGE, FORM, headers=headers).status_code == status
    assert len(mail.outbox) == (status == 302)


def test_the_sixth_form_of_an_hour_is_told_to_wait(card: ModelCard, client: Client) -> None:
    for number in range(5):
        client.post(PAGE, FORM | {"email": f"p{number}@lab.example"})

    answer = client.post(PAGE, FORM)

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert "Please try again in 60 minutes" in answer.content.decode()


def test_no_other_verb_asks(card: ModelCard, client: Client) -> None:
    assert client.get(PAGE).status_code == 200
    assert client.put(PAGE).status_code == 405
    assert client.post(f"{PAGE}sent/").status_code == 405
    assert mail.outbox == []


def test_a_model_that_is_not_there_has_no_waitlist(card: ModelCard, client: Client) -> None:
    for page in ["", "sent/"]:
        assert client.get(f"/models/openai/nothing/waitlist/{page}").status_code == 404
    assert client.post("/models/openai/nothing/waitlist/", FORM).status_code == 404


def test_a_live_model_has_no_form(db: None, client: Client) -> None:
    card = make_card(stage="live")

    assert client.post(PAGE, FORM)["Location"] == card.get_absolute_url()
    assert mail.outbox == []


# --- confirming -----------------------------------------------------------------------------------


def test_looking_at_a_link_confirms_nothing_and_a_press_does(card: ModelCard) -> None:
    link = link_to("confirm", asked_token(card))
    scanner, reader = Client(), Client(enforce_csrf_checks=True)

    for _ in range(3):
        assert scanner.get(link).status_code == scanner.head(link).status_code == 200
    assert waitlist.size_of(card) == 0

    page = reader.post(link)

    assert page.status_code == 200
    assert "you're on the waitlist" in page.content.decode()
    assert waitlist.size_of(card) == 1


def test_a_browser_that_has_confirmed_is_known_for_its_address(card: ModelCard) -> None:
    browser = Client()
    token = asked_token(card)

    browser.get(link_to("confirm", token))
    assert "browser" not in browser.cookies
    browser.post(link_to("confirm", token))

    request = RequestFactory().get("/", HTTP_COOKIE=f"browser={browser.cookies['browser'].value}")
    assert known_browsers.id_of(request, ADA)
    assert not known_browsers.id_of(request, "bob@lab.example")


def test_a_used_link_answers_kindly(card: ModelCard, client: Client) -> None:
    link = link_to("confirm", asked_token(card))
    client.post(link)

    for page in [client.get(link), client.post(link)]:
        assert page.status_code == 200
        assert "already on the waitlist" in page.content.decode()


def test_links_that_are_over_say_why(card: ModelCard, client: Client) -> None:
    replaced = link_to("confirm", asked_token(card))
    token = asked_token(card)
    expected = {replaced: (410, "this link no longer works")}
    expected[link_to("confirm", token[:-1] + ("A" if token[-1] != "A" else "B"))] = (
        404,
        "incomplete",
    )
    WaitlistEntry.objects.update(requested_at=F("requested_at") - links.CONFIRM_LINK_LIVES)
    assert client.post(link_to("confirm", token)).status_code == 410
    assert "has expired" in client.get(link_to("confirm", token)).content.decode()
    waitlist.leave(WaitlistEntry.objects.all())
    expected[link_to("confirm", token)] = (410, "you have left")

    for link, (status, words) in expected.items():
        for page in [client.get(link), client.post(link)]:
            assert page.status_code == status
            assert words in page.content.decode()
    assert waitlist.size_of(card) == 0


def test_pages_behind_a_link_are_not_kept_nor_told(card: ModelCard, client: Client) -> None:
    entry = waits(card)
    pages = [
        link_to("confirm", asked_token(make_card("openai/other"))),
        leave_path(card),
        path(links.to_preferences(entry.subscriber)),
    ]

    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Robots-Tag"] == "noindex"
        assert client.put(page).status_code == 405


# --- leaving --------------------------------------------------------------------------------------


def test_looking_at_the_leave_link_leaves_nothing(card: ModelCard, client: Client) -> None:
    waits(card)

    assert client.get(leave_path(card)).status_code == 200
    assert waitlist.size_of(card) == 1


def test_one_click_of_a_mail_program_leaves_at_once(card: ModelCard) -> None:
    waits(card)
    other = waits(make_card("openai/other"))
    provider = Client(enforce_csrf_checks=True)

    for _ in range(2):  # providers send it twice
        answer = provider.post(
            leave_path(card),
            {"List-Unsubscribe": "One-Click"},
            headers={"origin": "https://mail.example", "sec-fetch-site": "cross-site"},
        )
        assert answer.status_code == 200

    assert waitlist.size_of(card) == 0
    assert waitlist.size_of(other.card) == 1


def test_leaving_all_leaves_all_of_one_address(card: ModelCard, client: Client) -> None:
    waits(card)
    other = waits(make_card("openai/other"))
    link = leave_path(None)
    waits(card, "somebody@lab.example")

    assert client.post(link).status_code == 200

    assert waitlist.size_of(card) == 1
    assert waitlist.size_of(other.card) == 0


def test_leaving_works_after_the_address_is_gone(card: ModelCard, client: Client) -> None:
    waits(card)
    link = leave_path(card)
    Subscriber.objects.all().delete()

    for page in [client.get(link), client.post(link)]:
        assert page.status_code == 200
        assert "you have left" in page.content.decode()


@pytest.mark.parametrize("name", ["leave", "preferences", "confirm", "undo"])
@pytest.mark.parametrize("signed", ["x", "a:b", "0" * 32 + "-all:abc", "%00", "ü"])
def test_a_made_up_link_opens_nothing(db: None, client: Client, name: str, signed: str) -> None:
    link = f"/waitlist/{name}/{signed}/"

    assert client.get(link).status_code in {400, 404, 405}
    assert client.post(link).status_code in {400, 404}


def undo_path(page: str) -> str:
    found = re.search(r'action="[^"]*(/waitlist/undo/[^"]+)"', page)
    assert found, page
    return found[1]


def test_leaving_offers_an_undo_that_gives_the_place_back(card: ModelCard, client: Client) -> None:
    """The mail with the link may have been forwarded."""
    first, _ = waits(card), waits(card, "bob@lab.example")
    left = client.post(leave_path_of(card, ADA)).content.decode()
    assert waitlist.position_of(first) is None

    answer = Client(enforce_csrf_checks=True).post(undo_path(left))

    assert answer.status_code == 200
    assert waitlist.position_of(first) == 1


def leave_path_of(card: ModelCard | None, email: str) -> str:
    return path(links.to_leave(Subscriber.objects.get(email=email), card))


def test_undoing_takes_back_that_all_mail_was_stopped(card: ModelCard, client: Client) -> None:
    waits(card)
    other = waits(make_card("openai/other"))
    waitlist.leave(WaitlistEntry.objects.filter(pk=other.pk))
    left = client.post(leave_path(None)).content.decode()
    assert Subscriber.objects.get().unsubscribed_at is not None

    client.post(undo_path(left))

    assert Subscriber.objects.get().unsubscribed_at is None
    assert waitlist.size_of(card) == 1
    assert waitlist.size_of(other.card) == 0, "what was left before stays left"


def test_an_undo_is_good_for_an_hour_and_for_that_leaving_only(
    card: ModelCard, client: Client
) -> None:
    waits(card)
    link = undo_path(client.post(leave_path(card)).content.decode())
    assert client.post(link).status_code == 200
    assert client.post(link).status_code == 410

    later = undo_path(client.post(leave_path(card)).content.decode())
    assert client.post(link).status_code == 410
    WaitlistEntry.objects.update(left_at=F("left_at") - timedelta(minutes=61))

    assert client.post(later).status_code == 410
    assert client.get(later).status_code == 405
    assert waitlist.size_of(card) == 0


def test_a_second_leaving_by_the_same_link_offers_no_second_undo(
    card: ModelCard, client: Client
) -> None:
    waits(card)
    client.post(leave_path(card))

    assert "undo" not in client.post(leave_path(card)).content.decode()


def test_pages_behind_a_mailed_link_show_no_address_in_full(
    card: ModelCard, client: Client
) -> None:
    token = asked_token(card)
    entry = waits(card)
    pages = [path(links.to_preferences(entry.subscriber)), leave_path(card), leave_path(None)]

    for page in [link_to("confirm", token), *pages]:
        assert ADA not in client.get(page).content.decode(), page
    assert "a•••@lab.example" in client.get(pages[0]).content.decode()
    assert ADA not in client.post(leave_path(card)).content.decode()


def test_what_was_left_on_the_preference_page_can_be_taken_back_there(
    card: ModelCard, client: Client
) -> None:
    entry = waits(card)
    page = path(links.to_preferences(entry.subscriber))
    client.post(page, {"action": "leave", "entry": entry.pk})
    assert 'value="undo"' in client.get(page).content.decode()

    client.post(page, {"action": "undo", "entry": entry.pk})
    assert waitlist.size_of(card) == 1

    client.post(page, {"action": "leave", "entry": entry.pk})
    WaitlistEntry.objects.update(left_at=F("left_at") - timedelta(minutes=61))
    client.post(page, {"action": "undo", "entry": entry.pk})
    assert waitlist.size_of(card) == 0
    assert 'value="undo"' not in client.get(page).content.decode()


# --- preferences ----------------------------------------------------------------------------------


def test_the_preference_page_shows_all_models_of_an_address_and_no_other(
    card: ModelCard, client: Client
) -> None:
    entry = waits(card)
    asked_token(make_card("openai/other", name="The Other"))
    waits(make_card("openai/third", name="The Third"), "somebody@lab.example")

    page = client.get(path(links.to_preferences(entry.subscriber))).content.decode()

    assert "position 1" in page
    assert "The Other" in page
    assert "not confirmed" in page
    assert "The Third" not in page
    assert "somebody@lab.example" not in page


def test_a_press_leaves_one_or_all(card: ModelCard) -> None:
    visitor = Client(enforce_csrf_checks=True)
    entry, other = waits(card), waits(make_card("openai/other"))
    page = path(links.to_preferences(entry.subscriber))

    assert visitor.post(page, {"action": "leave", "entry": entry.pk})["Location"] == page
    assert (waitlist.size_of(card), waitlist.size_of(other.card)) == (0, 1)
    visitor.post(page, {"action": "leave-all"})
    assert waitlist.size_of(other.card) == 0


def test_a_press_deletes_the_address(card: ModelCard, client: Client) -> None:
    entry = waits(card)
    page = path(links.to_preferences(entry.subscriber))

    asked = client.post(page, {"action": "forget"})

    assert "can't be undone" in html.unescape(asked.content.decode())
    assert Subscriber.objects.count() == 1

    client.post(page, {"action": "forget-for-good"})

    assert not Subscriber.objects.exists()
    assert "We no longer keep anything" in client.get(page).content.decode()


def test_nobody_changes_what_another_waits_for(card: ModelCard, client: Client, ada: User) -> None:
    theirs = waits(card, "somebody@lab.example")
    mine = waits(make_card("openai/other"))
    client.force_login(ada)

    for page in [path(links.to_preferences(mine.subscriber)), link_to("own")]:
        client.post(page, {"action": "leave", "entry": theirs.pk})
        client.post(page, {"action": "leave-all"})

    assert waitlist.size_of(card) == 1


@pytest.mark.parametrize(
    "press",
    [
        {},
        {"action": "x"},
        {"action": "leave"},
        {"action": "leave", "entry": "9" * 30},
        {"action": "confirm"},
    ],
)
def test_a_press_that_makes_no_sense_is_refused(
    card: ModelCard, client: Client, press: dict[str, str]
) -> None:
    page = path(links.to_preferences(waits(card).subscriber))

    assert client.post(page, press).status_code == 400
    assert waitlist.size_of(card) == 1


def test_a_preference_link_confirms_nothing(card: ModelCard, client: Client) -> None:
    asked_token(card)
    entry = WaitlistEntry.objects.get()

    client.post(
        path(links.to_preferences(entry.subscriber)), {"action": "confirm", "entry": entry.pk}
    )

    assert waitlist.size_of(card) == 0


def test_a_person_confirms_with_one_press(card: ModelCard, client: Client, ada: User) -> None:
    asked_token(card)
    client.force_login(ada)
    assert "confirm</button>" in client.get(link_to("own")).content.decode()

    client.post(link_to("own"), {"action": "confirm", "entry": WaitlistEntry.objects.get().pk})

    assert waitlist.size_of(card) == 1


def test_the_page_of_a_person_is_theirs_and_takes_no_forged_press(
    card: ModelCard, ada: User
) -> None:
    entry = waits(card)
    forged = Client(enforce_csrf_checks=True)
    assert "/accounts/login/" in forged.get(link_to("own"))["Location"]
    forged.force_login(ada)

    assert forged.post(link_to("own"), {"action": "leave", "entry": entry.pk}).status_code == 403
    assert waitlist.size_of(card) == 1


def test_the_preference_page_asks_the_same_for_many_models(
    card: ModelCard, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(4):
        entry = waits(make_card(f"openai/clip-{number}"))

    with django_assert_num_queries(3):
        client.get(path(links.to_preferences(entry.subscriber)))


# --- people who are signed in ---------------------------------------------------------------------


def test_a_person_joins_and_leaves_with_one_press(
    card: ModelCard, client: Client, ada: User
) -> None:
    client.force_login(ada)

    assert client.post(f"{PAGE}join/")["Location"] == card.get_absolute_url()
    assert waitlist.size_of(card) == 1
    assert "at position <strong>1</strong>" in client.get(PAGE).content.decode()

    assert client.post(f"{PAGE}leave/")["Location"] == card.get_absolute_url()
    assert waitlist.size_of(card) == 0
    assert mail.outbox == []


@pytest.mark.parametrize("verb", ["join", "leave"])
def test_the_press_is_the_persons_own(card: ModelCard, ada: User, verb: str) -> None:
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(ada)

    assert forged.post(f"{PAGE}{verb}/").status_code == 403
    assert Client().get(f"{PAGE}{verb}/").status_code == 405
    assert Client().post(f"/models/openai/nothing/waitlist/{verb}/").status_code == 404
    anonymous = Client().post(f"{PAGE}{verb}/")
    assert anonymous["Location"] == f"/accounts/login/?next={card.get_absolute_url()}"
    assert not WaitlistEntry.objects.exists()


def test_who_has_not_confirmed_is_sent_to_do_so(card: ModelCard, client: Client) -> None:
    client.force_login(person("eve@lab.example", is_confirmed=False))

    assert client.post(f"{PAGE}join/")["Location"] == reverse("account_email")
    assert waitlist.size_of(card) == 0


def test_a_person_cannot_join_what_is_live(card: ModelCard, client: Client, ada: User) -> None:
    ModelCard.objects.update(stage="live")
    client.force_login(ada)

    assert client.post(f"{PAGE}join/").status_code == 302
    assert waitlist.size_of(card) == 0


# --- the admin ------------------------------------------------------------------------------------


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))
    return client


def test_support_finds_an_entry_and_reads_its_proof(card: ModelCard, staff: Client) -> None:
    entry = waits(card)

    page = staff.get("/admin/catalog/waitlistentry/", {"q": ADA}).content.decode()
    shown = staff.get(f"/admin/catalog/waitlistentry/{entry.pk}/change/").content.decode()

    assert f"/admin/catalog/waitlistentry/{entry.pk}/change/" in page
    assert entry.consent_address_sha256 in shown
    assert entry.token_sha256 not in shown
    assert 'name="consent_text"' not in shown
    answer = staff.post(f"/admin/catalog/waitlistentry/{entry.pk}/change/", {"consent_text": "9"})
    assert answer.status_code == 403


def test_support_takes_the_list_along(card: ModelCard, staff: Client) -> None:
    entry = waits(card, "=cmd@lab.example")
    press = {"action": "export_csv", "_selected_action": [entry.pk]}

    answer = staff.post("/admin/catalog/waitlistentry/", press)

    [row] = csv.DictReader(io.StringIO(answer.content.decode()))
    assert row["email"] == "'=cmd@lab.example"
    assert row["model"] == card.repo
    assert row["confirmed_at"].startswith("20")
    assert LogEntry.objects.get().change_message == "Exported as CSV."


def test_nobody_else_takes_it(card: ModelCard, client: Client, ada: User) -> None:
    entry = waits(card)
    client.force_login(ada)
    press = {"action": "export_csv", "_selected_action": [entry.pk]}

    answer = client.post("/admin/catalog/waitlistentry/", press)

    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_support_deletes_an_address_and_keeps_it_in_no_log(card: ModelCard, staff: Client) -> None:
    subscriber = waits(card).subscriber
    shown = staff.get(f"/admin/catalog/subscriber/{subscriber.pk}/change/").content.decode()
    assert subscriber.key.hex not in shown.replace("-", "")

    press = {"action": "forget", "_selected_action": [subscriber.pk]}
    staff.post("/admin/catalog/subscriber/", press)

    assert not Subscriber.objects.exists()
    assert not LogEntry.objects.exists()
