"""A model is launched if a worker serves it, or if the operator says that it need not."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.staff import launches
from catalog.demand import votes
from catalog.loading import cards
from catalog.models import Mail, ModelCard, Stage
from tests.conftest import PRICED, make_card
from tests.support.model_forms import forms_of, serve


@pytest.fixture
def ready(db: None, settings: Settings) -> ModelCard:
    """A model that may be launched, which Ada wants, and which no worker serves."""
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"
    card = make_card("lab/ready", stage=Stage.ONBOARDING, **PRICED)
    votes.cast(card, User.objects.create_user("ada@lab.example"))
    return card


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


def by_page(operator: Client, card: ModelCard, *, without_worker: bool) -> None:
    ticked = {"without_worker": "on"} if without_worker else {}
    data = {"usd_per_1k_images": "0.09", "reason": "wanted"} | ticked
    operator.post(f"/admin/launch/{card.pk}/", data)


def by_command(operator: Client, card: ModelCard, *, without_worker: bool) -> None:
    with suppress(CommandError):
        call_command("launch", card.repo, price="0.09", without_worker=without_worker)


def by_action(operator: Client, card: ModelCard, *, without_worker: bool) -> None:
    ModelCard.objects.update(
        launch_price_nano_usd_per_image=90_000, launch_price_nano_usd_per_token=110
    )
    data = {"action": "move_to_stage", "_selected_action": card.pk, "stage": "live"}
    ticked = {"without_worker": "on"} if without_worker else {}
    operator.post("/admin/catalog/modelcard/", data | {"reason": "wanted"} | ticked)


Way = Callable[..., None]


@pytest.mark.parametrize("way", [by_page, by_command, by_action])
def test_each_way_to_launch_wants_a_worker_or_a_word(
    ready: ModelCard, operator: Client, way: Way
) -> None:
    way(operator, ready, without_worker=False)
    assert ModelCard.objects.get().stage == Stage.ONBOARDING

    way(operator, ready, without_worker=True)
    assert ModelCard.objects.get().stage == Stage.LIVE


@pytest.mark.parametrize("way", [by_page, by_command, by_action])
def test_each_way_launches_what_a_worker_serves(
    ready: ModelCard, operator: Client, way: Way
) -> None:
    serve(ready.repo)

    way(operator, ready, without_worker=False)

    assert ModelCard.objects.get().stage == Stage.LIVE


def test_the_command_says_how_to_launch_without(ready: ModelCard) -> None:
    with pytest.raises(CommandError, match="--without-worker"):
        call_command("launch", ready.repo, price="0.09")


def test_the_launch_page_says_that_no_worker_is_up(ready: ModelCard, operator: Client) -> None:
    assert "No worker serves it now" in operator.get(f"/admin/launch/{ready.pk}/").content.decode()

    serve(ready.repo)

    assert "A worker serves it now" in operator.get(f"/admin/launch/{ready.pk}/").content.decode()


def test_a_file_cannot_launch_a_model(db: None) -> None:
    document = {"repo": "lab/new", "name": "new", "stage": "live", "summary": "A model."}
    runtime = {"loader": "open_clip", "open_clip_model": "ViT-B-32", "revision": ""}

    with pytest.raises(cards.CatalogError, match="cannot start as live"):
        cards.load_card(document | {"runtime": runtime}, {})

    assert not ModelCard.objects.exists()


@pytest.mark.parametrize("is_served", [True, False])
def test_mail_page_and_api_say_the_same(ready: ModelCard, client: Client, is_served: bool) -> None:
    if is_served:
        serve(ready.repo)
    launched, _ = launches.launch(ready, nano_usd_per_image=90_000, without_worker=not is_served)
    launches.notify(launched)

    mail = Mail.objects.get(subject__endswith="is live").text
    told = forms_of(client, ready.repo)

    assert ("You can call it now." in mail) is is_served
    assert ("No worker serves it at the moment" in mail) is not is_served
    assert ("try it now" in told.page) is is_served
    assert ("no worker now" in told.page) is not is_served
    assert told.document["callable"] is is_served
