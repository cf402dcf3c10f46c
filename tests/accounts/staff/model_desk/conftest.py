"""A live model that two people have called with a key, and an operator."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import credits
from accounts.models import Entry, User
from accounts.models.money import EntryKind
from accounts.staff.model_desk.notices import Instruction
from catalog.models import ModelCard, Stage
from tests.conftest import make_card

PRICED = {"launch_price_nano_usd_per_image": 94_000, "launch_price_nano_usd_per_token": 100}


@pytest.fixture(autouse=True)
def _outbox(settings: Settings) -> None:
    """The site's own way of mail, which the test runner replaces."""
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"


@pytest.fixture
def card(db: None) -> ModelCard:
    return make_card("laion/older", name="Older", stage=Stage.LIVE, context_length=77, **PRICED)


@pytest.fixture
def newer(db: None) -> ModelCard:
    return make_card("laion/newer", name="Newer", stage=Stage.LIVE, **PRICED)


@pytest.fixture
def op(db: None) -> User:
    return User.objects.create_superuser("op@lab.example")


@pytest.fixture
def operator(op: User, client: Client) -> Client:
    client.force_login(op)
    return client


@pytest.fixture
def instruct(op: User) -> Callable[..., Instruction]:
    def instruction(seen: int | None = None, reason: str = "a better one is live") -> Instruction:
        return Instruction(op, reason, seen)

    return instruction


def caller(email: str, repo: str = "laion/older", *, days_ago: int = 1) -> User:
    """Somebody who called the model so long ago, as the ledger has it."""
    user = User.objects.create_user(email)
    Entry.objects.create(
        wallet=credits.wallet_of(user),
        kind=EntryKind.HOLD,
        reference=f"job:{email}:{repo}:{days_ago}",
        model=repo,
        created_at=timezone.now() - timedelta(days=days_ago),
    )
    return user


def in_days(days: float) -> datetime:
    """From now, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        [now] = cursor.fetchall()[0]
    return cast(datetime, now) + timedelta(days=days)
