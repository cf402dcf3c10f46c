"""Waiting for a model: asked by mail, confirmed by a press, left at any time, proven."""

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db.models.functions import Now
from django.template.loader import get_template
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import lifecycle
from accounts.models import User
from catalog import tasks
from catalog.demand import subscribers, waitlist
from catalog.demand.waitlist import confirmation, links
from catalog.demand.waitlist.confirmation import LinkState
from catalog.infrastructure.retention import Budget
from catalog.limits import DAY_S, CannotCount, TooOften, mails
from catalog.models import Mail, ModelCard, Subscriber, WaitlistEntry
from tests.catalog.demand.joining import ADA, ask, asked_token, person, waits
from tests.conftest import make_card


@pytest.fixture
def ada(db: None) -> User:
    """A person whose address is confirmed."""
    return person(ADA)


# --- asking ---------------------------------------------------------------------------------------


def test_asking_writes_one_mail_and_gives_no_place(card: ModelCard) -> None:
    ask(card)

    [written] = mail.outbox
    entry = WaitlistEntry.objects.get()
    assert written.to == [ADA]
    assert entry.confirmed_at is None
    assert waitlist.position_of(entry) is None
    assert waitlist.size_of(card) == 0


def test_the_links_secret_is_in_the_mail_only(card: ModelCard) -> None:
    token = asked_token(card)

    entry = WaitlistEntry.objects.get()
    assert entry.token_sha256 == links.hash_of(token)
    assert token not in str(WaitlistEntry.objects.values().get())


def test_who_is_in_line_is_told_the_place_and_keeps_it(card: ModelCard) -> None:
    waits(card, "first@lab.example")
    entry = waits(card)

    written = ask(card)

    assert written is not None
    assert "at position 2 of 2" in written.body
    assert "/waitlist/confirm/" not in written.body
    assert WaitlistEntry.objects.get(pk=entry.pk).confirmed_at == entry.confirmed_at


def test_known_and_unknown_addresses_cost_the_same_work(
    card: ModelCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    waits(card, "known@lab.example")
    ask(card, "asked@lab.example")
    waitlist.leave(WaitlistEntry.objects.filter(pk=waits(card, "left@lab.example").pk))

    for name in ["known", "asked", "left", "unknown"]:
        cache.clear()
        mail.outbox.clear()
        with django_assert_num_queries(9):
            waitlist.join_by_mail(card, f"{name}@lab.example", consent_address="192.0.2.1")
        assert len(mail.outbox) == 1


def test_an_address_is_one_however_it_is_written(card: ModelCard) -> None:
    ask(card, "Ada@lab.example")
    ask(card, "ADA@lab.example")

    assert WaitlistEntry.objects.count() == Subscriber.objects.count() == 1


def test_a_newer_link_replaces_the_older(card: ModelCard) -> None:
    older = asked_token(card)
    newer = asked_token(card)

    assert confirmation.confirm(older).state is LinkState.REPLACED
    assert confirmation.confirm(newer).state is LinkState.WAITING


@pytest.mark.parametrize("stage", ["live", "deprecated", "retired"])
def test_nobody_waits_for_what_is_live_or_gone(db: None, stage: str) -> None:
    with pytest.raises(waitlist.Closed):
        ask(make_card(stage=stage))


def test_nobody_waits_for_the_stand_in(db: None) -> None:
    with pytest.raises(waitlist.Closed):
        ask(make_card(is_stand_in=True))


def test_people_wait_until_the_launch(db: None) -> None:
    assert ask(make_card(stage="preview")) is not None


# --- limits ---------------------------------------------------------------------------------------


def test_one_address_gets_one_mail_in_three_minutes_and_its_link_stays_good(
    card: ModelCard,
) -> None:
    token = asked_token(card)

    waitlist.join_by_mail(card, ADA.upper(), consent_address="192.0.2.1")

    assert len(mail.outbox) == 1
    assert confirmation.confirm(token).state is LinkState.WAITING


def test_one_network_gets_five_mails_a_day_for_an_address_and_others_get_theirs(db: None) -> None:
    cards = [make_card(f"openai/clip-{number}") for number in range(6)]
    for card in cards[:5]:
        waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")
    cache.delete("waitlist:from:192.0.2.1")

    with pytest.raises(TooOften, match="can be sent in 24 hours") as refused:
        waitlist.join_by_mail(cards[5], ADA, consent_address="192.0.2.1")
    assert 0 < refused.value.retry_after_s <= DAY_S
    waitlist.join_by_mail(cards[5], ADA, consent_address="192.0.2.2")

    assert len(mail.outbox) == 6
    assert WaitlistEntry.objects.count() == 6


def test_what_was_refused_does_not_pass_for_sent_a_minute_later(card: ModelCard) -> None:
    for limit in mails.limits_of("waitlist", ADA, mails.Requester("192.0.2.1")):
        cache.set(limit.key, limit.most, limit.window_s)

    for _ in range(2):
        with pytest.raises(TooOften):
            waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")


def test_strangers_together_cannot_flood_an_address_nor_lock_a_known_browser_out(db: None) -> None:
    # Beyond their share one each half hour, and the clock may go on to the next one meanwhile.
    cards = [make_card(f"openai/clip-{number}") for number in range(mails.STRANGERS_PER_HOUR + 4)]
    refused: list[TooOften] = []
    for number, card in enumerate(cards[:-1]):
        try:
            waitlist.join_by_mail(card, ADA, consent_address=f"192.0.2.{number}")
        except TooOften as refusal:
            refused.append(refusal)
    waitlist.join_by_mail(cards[-1], ADA, consent_address="192.0.2.200", browser_id="known")

    assert 1 <= len(refused) <= 2
    assert all(0 < refusal.retry_after_s <= mails.CROWD_WINDOW_S for refusal in refused)
    assert len(mail.outbox) == len(cards) - len(refused)


def test_one_network_address_asks_five_times_an_hour(card: ModelCard) -> None:
    for number in range(5):
        waitlist.join_by_mail(card, f"p{number}@lab.example", consent_address="192.0.2.1")

    with pytest.raises(TooOften):
        waitlist.join_by_mail(card, "p5@lab.example", consent_address="192.0.2.1")
    waitlist.join_by_mail(card, "p5@lab.example", consent_address="192.0.2.2")
    assert len(mail.outbox) == 6


def test_nothing_is_mailed_while_limits_cannot_be_counted(
    card: ModelCard, settings: Settings
) -> None:
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    }

    with pytest.raises(CannotCount):
        waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")
    assert mail.outbox == []
    assert not Subscriber.objects.exists()


# --- confirming -----------------------------------------------------------------------------------


def test_confirming_gives_the_place_by_the_order_of_confirmation(card: ModelCard) -> None:
    early = asked_token(card, "asked-first@lab.example")
    later = waits(card, "confirmed-first@lab.example")

    link = confirmation.confirm(early)

    assert link.is_new
    assert link.entry is not None
    assert (waitlist.position_of(later), waitlist.position_of(link.entry)) == (1, 2)
    assert [entry.subscriber.email for entry in waitlist.waiting_for(card)] == [
        "confirmed-first@lab.example",
        "asked-first@lab.example",
    ]


def test_who_is_behind_moves_up(card: ModelCard) -> None:
    first, second = waits(card, "first@lab.example"), waits(card, "second@lab.example")

    waitlist.leave(WaitlistEntry.objects.filter(pk=first.pk))

    assert waitlist.position_of(second) == 1
    assert waitlist.position_of(WaitlistEntry.objects.get(pk=first.pk)) is None
    assert waitlist.size_of(card) == 1


def test_lines_of_other_models_do_not_count(card: ModelCard) -> None:
    waits(make_card("openai/clip-other"), "somebody@lab.example")

    assert waitlist.position_of(waits(card)) == 1


def test_two_of_the_same_moment_have_a_place_each(card: ModelCard) -> None:
    entries = [waits(card, f"{name}@lab.example") for name in "ab"]
    WaitlistEntry.objects.update(confirmed_at=timezone.now())

    assert [waitlist.position_of(entry) for entry in entries] == [1, 2]


def test_a_link_used_again_says_so_and_changes_nothing(card: ModelCard) -> None:
    token = asked_token(card)
    confirmed = confirmation.confirm(token).entry

    again = confirmation.confirm(token)

    assert (again.state, again.is_new) == (LinkState.WAITING, False)
    assert again.entry is not None
    assert confirmed is not None
    assert again.entry.confirmed_at == confirmed.confirmed_at


@pytest.mark.parametrize(
    ("hours", "state"), [(71.99, LinkState.WAITING), (72.01, LinkState.EXPIRED)]
)
def test_a_link_lives_three_days(card: ModelCard, hours: float, state: LinkState) -> None:
    token = asked_token(card)
    WaitlistEntry.objects.update(requested_at=Now() - timedelta(hours=hours))

    assert confirmation.confirm(token).state is state


def test_an_old_link_does_not_undo_leaving(card: ModelCard) -> None:
    token = asked_token(card)
    waitlist.leave(WaitlistEntry.objects.all())

    assert confirmation.confirm(token).state is LinkState.LEFT
    assert waitlist.size_of(card) == 0


def test_who_comes_back_begins_anew(card: ModelCard) -> None:
    old = asked_token(card)
    confirmation.confirm(old)
    waitlist.leave(WaitlistEntry.objects.all())

    new = asked_token(card)

    assert WaitlistEntry.objects.get().confirmed_at is None
    assert confirmation.confirm(old).state is LinkState.REPLACED
    assert confirmation.confirm(new).is_new


def test_one_letter_changed_makes_a_link_unknown(card: ModelCard) -> None:
    token = asked_token(card)

    for position in range(0, len(token), 7):
        letter = "A" if token[position] != "A" else "B"
        altered = token[:position] + letter + token[position + 1 :]
        assert confirmation.confirm(altered).state is LinkState.UNKNOWN
    assert waitlist.size_of(card) == 0


def test_a_signature_of_another_kind_is_no_link(card: ModelCard) -> None:
    entry = waits(card)

    preference = links.to_preferences(entry.subscriber).split("/")[-2]

    assert confirmation.look_up(preference).state is LinkState.UNKNOWN
    with pytest.raises(links.BadLink):
        links.entries_of(preference)


# --- proof ----------------------------------------------------------------------------------------


def test_proof_of_consent_is_kept_and_names_no_network_address(card: ModelCard) -> None:
    ask(card, address="192.0.2.77")

    entry = WaitlistEntry.objects.get()
    assert entry.consent_text == waitlist.CONSENT
    assert re.fullmatch(r"[0-9a-f]{64}", entry.consent_address_sha256)
    assert entry.consent_address_sha256 != links.hash_of("192.0.2.77")
    assert timezone.now() - entry.requested_at < timedelta(minutes=1)


def test_every_sentence_ever_agreed_to_can_be_read() -> None:
    for version in waitlist.CONSENTS:
        assert get_template(f"catalog/waitlist/_consent_{version}.html")


# --- mails ----------------------------------------------------------------------------------------


def test_each_mail_can_be_left_with_one_click(card: ModelCard) -> None:
    for written in [ask(card), (waits(card), ask(card))[1]]:
        assert written is not None
        headers = written.extra_headers
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        match = re.fullmatch(r"<\S+/waitlist/leave/(\S+)/>", headers["List-Unsubscribe"])
        assert match
        assert list(links.entries_of(match.group(1))) == [WaitlistEntry.objects.get()]
        assert "/waitlist/preferences/" in written.body


def test_links_lead_to_the_site_that_the_settings_name(card: ModelCard, settings: Settings) -> None:
    settings.SITE_URL = "https://gigarouter.example"

    written = ask(card)

    assert written is not None
    assert set(re.findall(r"https?://[^/\s]+", str(written.body))) == {settings.SITE_URL}
    assert written.extra_headers["List-Unsubscribe"].startswith(f"<{settings.SITE_URL}/")


def test_a_name_is_written_as_it_is_and_on_one_line(db: None) -> None:
    written = ask(make_card(name="a & <b>\nBcc: x@y.example"))

    assert written is not None
    assert written.subject == "Please confirm: a & <b> Bcc: x@y.example"
    assert "a & <b>" in written.body
    assert b"\nBcc:" not in written.message().as_bytes().partition(b"\n\n")[0]


def test_a_mail_is_kept_in_the_outbox_under_a_key_of_its_own(
    card: ModelCard, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"

    for _ in range(2):
        cache.clear()
        waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")

    keys = list(Mail.objects.values_list("key", flat=True))
    assert len(set(keys)) == 2
    assert all(key.startswith(subscribers.mail_key(Subscriber.objects.get().pk)) for key in keys)


# --- people with an account -----------------------------------------------------------------------


def test_a_person_joins_without_a_mail(card: ModelCard, ada: User) -> None:
    waitlist.join(card, ada, consent_address="192.0.2.1")
    waitlist.join(card, ada, consent_address="192.0.2.1")

    entry = WaitlistEntry.objects.get()
    assert mail.outbox == []
    assert waitlist.position_of(entry) == 1
    assert entry.subscriber.user == ada
    assert entry.consent_text == waitlist.CONSENT
    assert entry.consent_address_sha256


def test_joining_confirms_what_was_asked_by_mail(card: ModelCard, ada: User) -> None:
    token = asked_token(card)

    waitlist.join(card, ada, consent_address="192.0.2.1")

    assert waitlist.size_of(card) == 1
    assert confirmation.confirm(token).state is LinkState.REPLACED


def test_a_person_whose_address_is_not_confirmed_does_not_join(card: ModelCard) -> None:
    eve = person("eve@lab.example", is_confirmed=False)

    with pytest.raises(waitlist.NotConfirmed):
        waitlist.join(card, eve, consent_address="192.0.2.1")


def test_nobody_stands_in_a_line_twice_by_two_addresses(card: ModelCard, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email="other@lab.example", verified=True)
    waits(card, "other@lab.example")

    waitlist.join(card, ada, consent_address="192.0.2.1")

    assert waitlist.size_of(card) == 1


def test_a_person_who_left_joins_again_behind_the_others(card: ModelCard, ada: User) -> None:
    waitlist.join(card, ada, consent_address="192.0.2.1")
    waits(card, "other@lab.example")
    waitlist.leave(waitlist.own_entries(ada))

    waitlist.join(card, ada, consent_address="192.0.2.1")

    assert waitlist.best_position(waitlist.own_entries(ada)) == 2


def test_signing_in_adopts_the_address_and_confirms_nothing(card: ModelCard) -> None:
    token = asked_token(card, "Ada@lab.example")
    ada = person(ADA)

    lifecycle.onboard(ada)

    entry = WaitlistEntry.objects.get()
    assert entry.subscriber.user == ada
    assert entry.confirmed_at is None
    assert confirmation.confirm(token).is_new


def test_an_address_that_is_not_confirmed_is_not_adopted(card: ModelCard) -> None:
    waits(card, "eve@lab.example")
    eve = person("eve@lab.example", is_confirmed=False)

    lifecycle.onboard(eve)

    assert Subscriber.objects.get().user is None
    assert not waitlist.own_entries(eve).exists()


def test_adoption_follows_the_main_address(card: ModelCard, ada: User) -> None:
    waits(card)
    lifecycle.onboard(ada)
    waits(card, "new@lab.example")
    EmailAddress.objects.filter(user=ada).update(email="new@lab.example")
    User.objects.filter(pk=ada.pk).update(email="new@lab.example")

    lifecycle.onboard(User.objects.get(pk=ada.pk))

    assert subscribers.at(ADA).get().user is None
    assert subscribers.at("new@lab.example").get().user == ada


def test_an_address_goes_to_whoever_confirmed_it_last(card: ModelCard, ada: User) -> None:
    waits(card)
    lifecycle.onboard(ada)
    EmailAddress.objects.filter(user=ada).delete()
    User.objects.filter(pk=ada.pk).update(email="elsewhere@lab.example")
    heir = person(ADA)

    lifecycle.onboard(heir)

    assert Subscriber.objects.get().user == heir


def test_a_press_on_ones_own_page_confirms_with_ones_own_consent(
    card: ModelCard, ada: User
) -> None:
    ask(card, address="198.51.100.1")
    before = WaitlistEntry.objects.get().consent_address_sha256

    confirmed = waitlist.confirm_own(waitlist.own_entries(ada), consent_address="192.0.2.1")

    assert confirmed == 1
    assert WaitlistEntry.objects.get().consent_address_sha256 != before
    assert waitlist.confirm_own(waitlist.own_entries(ada), consent_address="192.0.2.1") == 0


# --- forgetting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "rows_left"), [(6.99, 1), (7.01, 0)])
def test_what_nobody_confirmed_is_deleted_after_a_week(
    card: ModelCard, days: float, rows_left: int
) -> None:
    ask(card)
    WaitlistEntry.objects.update(requested_at=Now() - timedelta(days=days))

    tasks.purge_waitlist()

    assert WaitlistEntry.objects.count() == Subscriber.objects.count() == rows_left


def test_who_confirmed_or_left_after_is_kept(card: ModelCard) -> None:
    waits(card, "waits@lab.example")
    entry_left = waits(card, "left@lab.example")
    waitlist.leave(WaitlistEntry.objects.filter(pk=entry_left.pk))
    WaitlistEntry.objects.update(requested_at=Now() - timedelta(days=400))

    assert waitlist.purge(Budget(20)) == 0
    assert Subscriber.objects.count() == 2


def test_an_address_stays_while_it_waits_for_another_model(card: ModelCard) -> None:
    waits(make_card("openai/clip-other"))
    ask(card)
    WaitlistEntry.objects.filter(card=card).update(requested_at=Now() - timedelta(days=8))

    assert waitlist.purge(Budget(20)) == 1
    assert Subscriber.objects.count() == 1


def test_a_deleted_model_leaves_no_idle_address(card: ModelCard) -> None:
    waits(card)
    card.delete()

    waitlist.purge(Budget(20))

    assert not Subscriber.objects.exists()


def test_a_person_takes_along_what_they_wait_for(card: ModelCard, ada: User) -> None:
    waits(card)
    waits(card, "other@lab.example")

    exported: Any = lifecycle.export(ada)
    [entry] = exported["waitlist"]

    assert entry["subscriber__email"] == ADA
    assert entry["consent_text"] == waitlist.CONSENT


def test_a_deleted_person_waits_for_nothing(card: ModelCard, ada: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"
    waitlist.join_by_mail(card, "other@lab.example", consent_address="192.0.2.1")
    waitlist.join_by_mail(card, ADA, consent_address="192.0.2.1")

    lifecycle.delete(ada)

    assert [row.email for row in Subscriber.objects.all()] == ["other@lab.example"]
    assert [row.recipients for row in Mail.objects.all()] == [["other@lab.example"]]
