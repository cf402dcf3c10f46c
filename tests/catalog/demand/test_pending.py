"""What a visitor began is done once they have signed in: there, in that browser, and only then."""

import time

import pytest
from django.core import signing
from django.test import Client

from accounts.models import User
from catalog.demand import pending
from catalog.models import ModelCard, Stage, Vote, WaitlistEntry
from tests.conftest import make_card
from tests.support.letters import code_in_mail, sign_in

VOTE = "/models/openai/clip-vit-base-patch32/vote/"
JOIN = "/models/openai/clip-vit-base-patch32/waitlist/join/"


def page_of(client: Client, address: str) -> str:
    return client.get(address, follow=True).content.decode()


def test_sign_in_says_why_and_the_vote_counts_after_the_code(
    card: ModelCard, client: Client
) -> None:
    page = page_of(client, VOTE)
    assert f"Sign in to vote for {card.name}. Your vote is kept" in page
    assert not Vote.objects.exists()

    answer = sign_in(client, go_to=VOTE)

    assert answer["Location"] == VOTE
    vote = Vote.objects.get()
    assert (vote.card, vote.user) == (card, User.objects.get(email="ada@lab.example"))
    assert f"your vote for {card.name} counts" in page_of(client, VOTE)
    assert pending.COOKIE not in {name for name, c in client.cookies.items() if c.value}


def test_the_page_that_asks_for_the_code_says_why_too(card: ModelCard, client: Client) -> None:
    client.get(VOTE)
    sent = client.post("/accounts/login/", {"login": "ada@lab.example", "next": VOTE})

    assert f"to vote for {card.name}" in client.get(sent["Location"]).content.decode()


def test_a_code_typed_after_a_mistake_completes_it(card: ModelCard, client: Client) -> None:
    client.get(VOTE)
    sent = client.post("/accounts/login/", {"login": "ada@lab.example", "next": VOTE})
    client.post(sent["Location"], {"code": "WRONG-1"})
    assert not Vote.objects.exists()

    client.post(sent["Location"], {"code": code_in_mail()})

    assert Vote.objects.count() == 1


def test_the_volume_of_a_vote_sent_while_signed_out_is_kept(
    card: ModelCard, client: Client
) -> None:
    client.post(VOTE, {"images_per_month": "100k"})

    sign_in(client, go_to=VOTE)

    assert Vote.objects.get().images_per_month == 100_000


def test_a_volume_that_is_no_number_does_not_lose_the_vote(card: ModelCard, client: Client) -> None:
    client.post(VOTE, {"images_per_month": "lots"})

    sign_in(client, go_to=VOTE)

    assert Vote.objects.get().images_per_month is None


def test_a_place_on_a_waitlist_is_completed(card: ModelCard, client: Client) -> None:
    answer = client.post(JOIN)
    assert f"to join the waitlist for {card.name}" in page_of(client, answer["Location"])

    sign_in(client, go_to=card.get_absolute_url())

    entry = WaitlistEntry.objects.get()
    assert entry.card == card
    assert entry.confirmed_at is not None


def test_another_browser_completes_nothing(card: ModelCard, client: Client) -> None:
    client.get(VOTE)

    sign_in(Client(), go_to=VOTE)

    assert not Vote.objects.exists()


@pytest.mark.parametrize("leads_to", ["", "/models/", "/models/laion/other/vote/"])
def test_a_sign_in_for_something_else_casts_no_vote(
    card: ModelCard, client: Client, leads_to: str
) -> None:
    make_card("laion/other")
    client.get(VOTE)

    sign_in(client, go_to=leads_to)

    assert not Vote.objects.exists()
    client.post("/accounts/logout/")
    sign_in(client, go_to=VOTE)  # and it is forgotten
    assert not Vote.objects.exists()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_began_is_not_kept(card: ModelCard, client: Client, site: str) -> None:
    answer = client.get(VOTE, headers={"sec-fetch-site": site})
    assert "Your vote is kept" not in page_of(client, answer["Location"])

    sign_in(client, go_to=VOTE)

    assert not Vote.objects.exists()


@pytest.mark.parametrize("content", [{"act": "vote"}, {"act": "vote", "repo": 1, "x": 2}, "x", []])
@pytest.mark.parametrize("salt", [pending.SALT, "another"])
def test_a_cookie_that_is_not_ours_does_nothing(
    card: ModelCard, client: Client, content: object, salt: str
) -> None:
    client.cookies[pending.COOKIE] = signing.dumps(content, salt=salt)

    assert sign_in(client, go_to=VOTE)["Location"] == VOTE
    assert not Vote.objects.exists()


class OldSigner(signing.TimestampSigner):
    """Signs as of a little more than an hour ago."""

    def timestamp(self) -> str:
        return signing.b62_encode(int(time.time()) - pending.KEPT_FOR_S - 60)


def test_it_is_kept_for_an_hour(card: ModelCard, client: Client) -> None:
    begun = {"act": "vote", "repo": card.repo, "images_per_month": ""}
    client.cookies[pending.COOKIE] = OldSigner(salt=pending.SALT).sign_object(begun)

    assert "Your vote is kept" not in page_of(client, f"/accounts/login/?next={VOTE}")
    sign_in(client, go_to=VOTE)

    assert not Vote.objects.exists()


def test_a_model_that_went_live_meanwhile_takes_no_vote_and_says_so(
    card: ModelCard, client: Client
) -> None:
    client.get(VOTE)
    ModelCard.objects.filter(pk=card.pk).update(stage=Stage.LIVE)

    sign_in(client, go_to=VOTE)

    assert not Vote.objects.exists()
    assert "voting has ended" in page_of(client, VOTE)


def test_taking_back_while_signed_out_casts_nothing(card: ModelCard, client: Client) -> None:
    client.post(f"{VOTE}withdraw/")

    sign_in(client, go_to=VOTE)

    assert not Vote.objects.exists()
