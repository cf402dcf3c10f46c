"""One person, one vote for one model: cast, taken back, never two."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db.models import Value
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import lifecycle
from accounts.models import User
from catalog.demand import board, votes
from catalog.finding import paging
from catalog.limits import Refused
from catalog.models import COMING_SOON, ModelCard, Stage, Vote
from tests.conftest import make_card
from tests.support.letters import code_in_mail, sign_in
from tests.support.threads import at_once

PAGE = "/models/openai/clip-vit-base-patch32/vote/"
WITHDRAW = f"{PAGE}withdraw/"
MODEL = "/models/openai/clip-vit-base-patch32/"
HTMX = {"hx-request": "true"}


def person(name: str = "ada") -> User:
    return User.objects.create_user(f"{name}@lab.example")


@pytest.fixture
def ada(db: None, client: Client) -> User:
    """Signed in with the test's client."""
    ada = person()
    client.force_login(ada)
    return ada


# --- the rules ----------------------------------------------------------------------------------


def test_a_second_vote_changes_nothing(card: ModelCard, ada: User) -> None:
    assert (votes.cast(card, ada), votes.cast(card, ada)) == (True, False)

    assert Vote.objects.count() == 1


def test_a_vote_is_taken_back_once(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)

    assert (votes.withdraw(card, ada), votes.withdraw(card, ada)) == (True, False)

    assert not Vote.objects.exists()


def test_somebody_elses_vote_stays(card: ModelCard, ada: User) -> None:
    votes.cast(card, person("bob"))

    assert votes.withdraw(card, ada) is False

    assert Vote.objects.count() == 1


@pytest.mark.parametrize("stage", Stage)
def test_only_what_is_coming_soon_takes_votes(ada: User, stage: Stage) -> None:
    card = make_card(stage=stage)

    if stage in COMING_SOON:
        assert votes.cast(card, ada)
    else:
        with pytest.raises(votes.Closed):
            votes.cast(card, ada)

    assert Vote.objects.exists() == (stage in COMING_SOON)


def test_the_stand_in_takes_no_votes(ada: User) -> None:
    with pytest.raises(votes.Closed):
        votes.cast(make_card(is_stand_in=True), ada)


def test_a_page_from_before_the_launch_casts_no_vote(card: ModelCard, ada: User) -> None:
    ModelCard.objects.filter(pk=card.pk).update(stage=Stage.LIVE)

    with pytest.raises(votes.Closed):
        votes.cast(card, ada)


def test_a_vote_set_aside_cannot_be_cast_anew(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    Vote.objects.update(is_set_aside=True)

    with pytest.raises(votes.SetAside):
        votes.withdraw(card, ada)

    assert votes.cast(card, ada) is False
    assert not Vote.objects.counted().exists()


def test_thirty_votes_a_minute_and_no_more(ada: User) -> None:
    for _ in range(votes.VOTES_A_MINUTE):
        votes.limit_rate(ada)

    with pytest.raises(votes.TooManyVotes):
        votes.limit_rate(ada)

    votes.limit_rate(person("bob"))


def test_a_vote_outlives_its_person(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)

    lifecycle.delete(ada)

    assert Vote.objects.get().user_id is None


@pytest.mark.parametrize("again", ["ada@gmail.com", "A.da@gmail.com", "ada+2@googlemail.com"])
def test_a_mailbox_that_comes_back_counts_once(card: ModelCard, again: str) -> None:
    first = User.objects.create_user("ada@gmail.com")
    votes.cast(card, first)
    lifecycle.delete(first)
    back = User.objects.create_user(again)

    assert (votes.cast(card, back), votes.cast(card, back)) == (True, False)

    assert Vote.objects.get().user == back


def test_another_mailbox_counts_beside_one_that_has_gone(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    lifecycle.delete(ada)

    votes.cast(card, person("ada+2"))  # of this host nobody knows that it ignores tags

    assert Vote.objects.counted().count() == 2


def test_two_accounts_of_one_mailbox_have_one_vote_between_them(card: ModelCard) -> None:
    first, second = (User.objects.create_user(f"ada{tag}@gmail.com") for tag in ["", "+2"])

    votes.cast(card, first)
    votes.cast(card, second)

    assert Vote.objects.get().user == second
    assert votes.withdraw(card, first) is False


def test_a_vote_of_a_mailbox_is_taken_back_by_whoever_comes_back(
    card: ModelCard, ada: User
) -> None:
    votes.cast(card, ada)
    lifecycle.delete(ada)
    back = person()

    votes.cast(card, back)
    votes.withdraw(card, back)

    assert not Vote.objects.exists()


def test_signing_up_again_gives_the_mailbox_its_votes_back(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    other = make_card("bob/s-choice")
    votes.cast(other, person("bob"))
    lifecycle.delete(ada)
    lifecycle.delete(User.objects.get(email="bob@lab.example"))

    sign_in(Client())

    back = User.objects.get(email="ada@lab.example")
    assert [vote.card for vote in Vote.objects.filter(user=back)] == [card]
    assert Vote.objects.count() == 2


def test_an_address_that_is_not_confirmed_gets_no_votes_back(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    lifecycle.delete(ada)

    votes.adopt(person())

    assert Vote.objects.get().user_id is None


def test_coming_back_does_not_count_a_vote_again_that_was_set_aside(
    card: ModelCard, ada: User
) -> None:
    votes.cast(card, ada)
    Vote.objects.update(is_set_aside=True)
    lifecycle.delete(ada)

    votes.cast(card, person())

    assert not Vote.objects.counted().exists()


def test_who_has_changed_address_keeps_one_vote(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    gone = person("countess")
    votes.cast(card, gone)
    lifecycle.delete(gone)
    ada.email = "countess@lab.example"
    ada.save()

    assert votes.cast(card, ada) is False

    assert Vote.objects.filter(user=ada).count() == 1


def test_a_live_model_moves_no_votes(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    lifecycle.delete(ada)
    ModelCard.objects.update(stage=Stage.LIVE)

    with pytest.raises(votes.Closed):
        votes.cast(card, person())


def test_the_migration_keeps_the_first_vote_of_a_mailbox_that_counts(card: ModelCard) -> None:
    tags = ["", "+2", "+3"]
    accounts = [User.objects.create_user(f"ada{tag}@gmail.com") for tag in tags]
    Vote.objects.create(card=card, user=accounts[0], is_set_aside=True)
    Vote.objects.create(card=card, user=accounts[1])
    Vote.objects.create(card=card, user=accounts[2])
    Vote.objects.create(card=card)

    import_module("catalog.migrations.0007_add_vote_mailbox").fill(apps, None)

    [vote_left] = Vote.objects.exclude(mailbox="")
    assert vote_left.user == accounts[1]
    assert set(Vote.objects.counted().values_list("user", flat=True)) == {vote_left.user_id, None}


def test_a_person_takes_their_votes_along(card: ModelCard, ada: User) -> None:
    votes.cast(card, ada)
    votes.state_volume(card, ada, 5000)

    exported: Any = lifecycle.export(ada)
    [vote] = exported["votes"]

    assert (vote["card__repo"], vote["images_per_month"]) == (card.repo, 5000)


def test_cards_can_be_counted_and_sorted_by_their_votes(card: ModelCard, ada: User) -> None:
    other = make_card("a/loved")
    votes.cast(other, ada)
    votes.cast(other, person("bob"))
    votes.cast(card, ada)
    Vote.objects.filter(card=card).update(is_set_aside=True)

    by = paging.falling(votes.count_expression())
    page = paging.page_of(ModelCard.objects.all(), by=by, then=Value(0.0))
    counted = ModelCard.objects.annotate(n=votes.count_expression())

    assert [card_found.repo for card_found in page.cards] == ["a/loved", card.repo]
    assert dict(counted.values_list("repo", "n")) == {"a/loved": 2, card.repo: 0}


# --- races --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_hundred_votes_by_one_person_at_once_are_one() -> None:
    card, ada = make_card(), person()

    with_pool = at_once(lambda _: [votes.cast(card, ada) for _ in range(10)], 20)

    assert sum(is_new for votes_cast in with_pool for is_new in votes_cast) == 1
    assert Vote.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_accounts_of_one_mailbox_that_vote_at_once_are_one_vote() -> None:
    card = make_card()
    accounts = [User.objects.create_user(f"ada+{n}@gmail.com") for n in range(10)]
    verbs = [lambda user: votes.cast(card, user), lifecycle.delete]

    at_once(lambda i: [verb(accounts[i]) for verb in verbs[: 1 + i % 2]], 10)

    assert Vote.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_hundred_posts_by_one_person_are_one_vote_and_no_fault() -> None:
    make_card()
    client = Client()
    client.force_login(person())
    cookies = client.cookies

    def post(_: int) -> set[int]:
        own = Client()
        own.cookies = cookies
        return {own.post(PAGE).status_code for _ in range(20)}

    statuses = set().union(*at_once(post, 10))

    assert statuses == {302, 429}
    assert Vote.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_hundred_people_are_a_hundred_votes() -> None:
    card = make_card()
    people = [person(f"p{number}") for number in range(100)]

    at_once(lambda i: [votes.cast(card, voter) for voter in people[i * 5 : i * 5 + 5]], 20)

    [row] = board.rows(timezone.now().date(), seen_by=people[0])
    assert getattr(row.card, "votes_counted") == Vote.objects.count() == 100  # noqa: B009
    assert row.score == 200


@pytest.mark.django_db(transaction=True)
def test_casting_against_taking_back_leaves_one_or_none() -> None:
    card, ada = make_card(), person()
    verbs: list[Callable[[ModelCard, User], bool]] = [votes.cast, votes.withdraw]

    at_once(lambda i: [verbs[i % 2](card, ada) for _ in range(10)], 10)

    assert Vote.objects.count() in (0, 1)


# --- the pages ----------------------------------------------------------------------------------


def test_a_vote_leads_back_to_the_model_with_a_word(
    card: ModelCard, ada: User, client: Client
) -> None:
    answer = client.post(PAGE, follow=True)

    assert answer.redirect_chain == [(MODEL, 302)]
    assert "Your vote for" in answer.content.decode()
    assert Vote.objects.get().user == ada


def test_taking_it_back_does_too(card: ModelCard, ada: User, client: Client) -> None:
    votes.cast(card, ada)

    answer = client.post(WITHDRAW, follow=True)

    assert answer.redirect_chain == [(MODEL, 302)]
    assert "has been withdrawn" in answer.content.decode()
    assert not Vote.objects.exists()


def test_a_vote_on_the_board_leads_back_there(card: ModelCard, ada: User, client: Client) -> None:
    assert client.post(PAGE, {"back": "roadmap"})["Location"] == f"/roadmap/#vote-{card.pk}"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "nonsense"])
def test_nobody_is_led_elsewhere(card: ModelCard, ada: User, client: Client, back: str) -> None:
    assert client.post(PAGE, {"back": back, "next": back})["Location"] == MODEL


def test_htmx_gets_the_button_with_the_new_count(
    card: ModelCard, ada: User, client: Client
) -> None:
    cast = client.post(PAGE, headers=HTMX).content.decode()
    back = client.post(WITHDRAW, headers=HTMX).content.decode()

    assert 'aria-pressed="true"' in cast
    assert WITHDRAW in cast
    assert '<span class="vote__count">1 <' in cast
    assert 'aria-pressed="false"' in back
    assert '<span class="vote__count">0 <' in back
    assert "<html" not in cast + back


def test_a_stranger_is_led_through_sign_in_to_the_vote_page(
    card: ModelCard, client: Client
) -> None:
    led = client.get(PAGE)
    client.get(led["Location"])
    redirect = client.post("/accounts/login/", {"login": "ada@lab.example", "next": PAGE})
    entered = client.post(redirect["Location"], {"code": code_in_mail()})

    assert led["Location"] == f"/accounts/login/?next={PAGE}"
    assert entered["Location"] == PAGE
    assert "prioritize" in client.get(PAGE).content.decode()


def test_who_has_not_typed_the_code_cannot_vote(card: ModelCard, client: Client) -> None:
    client.post("/accounts/login/", {"login": "ada@lab.example"})

    assert client.post(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
    assert client.post(WITHDRAW)["Location"] == f"/accounts/login/?next={PAGE}"
    assert not Vote.objects.exists()


def test_a_session_that_ended_leads_htmx_to_sign_in(card: ModelCard, client: Client) -> None:
    answer = client.post(PAGE, headers=HTMX)

    assert answer["HX-Redirect"] == f"/accounts/login/?next={PAGE}"


def test_a_forged_vote_is_refused(card: ModelCard) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person())

    assert strict.post(PAGE).status_code == 403
    assert not Vote.objects.exists()


@pytest.mark.parametrize(
    ("typed", "meant"), [("100k", 100_000), ("1,000,000", 10**6), ("1T", 10**12), ("", None)]
)
def test_a_volume_can_be_stated_with_the_vote(
    card: ModelCard, ada: User, client: Client, typed: str, meant: int | None
) -> None:
    client.post(PAGE, {"images_per_month": typed})

    assert Vote.objects.get().images_per_month == meant


def test_a_volume_can_be_changed_and_taken_back(card: ModelCard, ada: User, client: Client) -> None:
    client.post(PAGE, {"images_per_month": "5000"})
    assert 'value="5,000"' in client.get(PAGE).content.decode()

    client.post(PAGE, {"images_per_month": ""})

    assert Vote.objects.get().images_per_month is None


def test_the_plain_button_leaves_the_volume_alone(
    card: ModelCard, ada: User, client: Client
) -> None:
    client.post(PAGE, {"images_per_month": "5000"})

    client.post(PAGE)

    assert Vote.objects.get().images_per_month == 5000


@pytest.mark.parametrize("typed", ["many", "-5", "0", "0.5", "1.1T", "9" * 31])
def test_a_volume_that_makes_no_sense_is_refused_and_casts_nothing(
    card: ModelCard, ada: User, client: Client, typed: str
) -> None:
    answer = client.post(PAGE, {"images_per_month": typed})

    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not Vote.objects.exists()


def test_too_many_votes_are_told_to_wait(card: ModelCard, ada: User, client: Client) -> None:
    cache.set(f"votes:{ada.pk}", votes.VOTES_A_MINUTE)

    plain = client.post(PAGE)
    htmx = client.post(PAGE, headers=HTMX)

    assert (plain.status_code, plain["Retry-After"]) == (429, "60")
    assert "a lot of votes" in plain.content.decode()
    assert (htmx.status_code, htmx["HX-Refresh"]) == (429, "true")
    assert issubclass(votes.TooManyVotes, Refused)
    assert not Vote.objects.exists()


def test_a_live_model_says_that_it_takes_none(ada: User, client: Client) -> None:
    make_card(stage=Stage.LIVE)

    refused = client.post(PAGE, follow=True)

    assert "voting has ended" in refused.content.decode()
    assert "no longer coming soon" in client.get(PAGE).content.decode()


def test_a_vote_for_no_model_is_not_found(ada: User, client: Client) -> None:
    assert client.post("/models/nobody/nothing/vote/").status_code == 404
    assert client.get("/models/nobody/nothing/vote/").status_code == 404


def test_other_verbs_are_refused(card: ModelCard, ada: User, client: Client) -> None:
    assert client.put(PAGE).status_code == 405
    assert client.get(WITHDRAW).status_code == 405


def test_a_strangers_button_holds_no_form_and_asks_nothing(
    card: ModelCard, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    card_found = ModelCard.objects.annotate(votes_counted=votes.count_expression()).get()
    request = RequestFactory().get("/")

    with django_assert_num_queries(0):
        button = render_to_string("catalog/demand/_vote.html", {"card": card_found}, request)

    assert f'href="{PAGE}"' in button
    assert "csrf" not in button
    assert "<form" not in button


# --- support ------------------------------------------------------------------------------------


def test_support_sets_votes_aside_and_it_is_logged(card: ModelCard, client: Client) -> None:
    votes.cast(card, person("bob"))
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))
    chosen = {"_selected_action": [Vote.objects.get().pk]}

    client.post("/admin/catalog/vote/", chosen | {"action": "set_aside"})
    assert Vote.objects.get().is_set_aside
    client.post("/admin/catalog/vote/", chosen | {"action": "count_again"})

    assert not Vote.objects.get().is_set_aside
    assert LogEntry.objects.count() == 2


def test_support_finds_votes_and_casts_none(card: ModelCard, client: Client) -> None:
    votes.cast(card, person("bob"))
    client.force_login(User.objects.create_superuser("root@lab.example", "secret"))

    assert "bob@lab.example" in client.get("/admin/catalog/vote/?q=bob").content.decode()
    assert client.get("/admin/catalog/vote/add/").status_code == 403
    assert client.get("/admin/catalog/modelrequest/?q=a").status_code == 200
