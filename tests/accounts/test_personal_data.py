"""Whatever holds a person, or an address, is exported and erased, or listed here with the reason.

A column that somebody adds is found by looking at all models, and fails here until it is one or the
other.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone

from accounts import keys, lifecycle
from accounts.models import User
from catalog.demand import votes, waitlist
from catalog.models import Mail, ModelCard, ModelRequest
from inference.models import (
    ApiFile,
    Batch,
    BatchStatus,
    Comparison,
    FilePurpose,
    IdempotentCall,
    Job,
    JobRecord,
    State,
    Webhook,
)
from tests.conftest import make_card

ADA = "ada@lab.example"

# Model and column: where the export has it. Each is filled below, and gone after the erasure.
EXPORTED = {
    "account.EmailAddress.user": "addresses",
    "account.EmailAddress.email": "addresses",
    "accounts.ApiKey.user": "api_keys",
    "accounts.User.email": "person",
    "accounts.User.groups": "person",
    "catalog.Mail.recipients": "mail_to_you",
    "catalog.ModelRequest.user": "model_requests",
    "catalog.Subscriber.email": "waitlist_addresses",
    "catalog.Subscriber.user": "waitlist_addresses",
    "catalog.Vote.user": "votes",
    "catalog.Vote.mailbox": "votes",
    "catalog.WaitlistEntry.consent_address_sha256": "waitlist",
    "inference.ApiFile.owner": "files",
    "inference.Batch.owner": "batches",
    "inference.Comparison.owner": "comparisons",
    "inference.IdempotentCall.user": "idempotency_keys",
    "inference.JobRecord.owner": "job_records",
    "inference.Job.owner": "jobs",
    "inference.Webhook.user": "webhooks",
    "mfa.Authenticator.user": "sign_in_methods",
    "socialaccount.SocialAccount.user": "connected_accounts",
    "usersessions.UserSession.user": "sessions",
    "usersessions.UserSession.ip": "sessions",
    "accounts.Wallet.user": "credit",
}
REASONS = {
    "accounts.CreditAction.by": "the operator's decision; null once the operator has left",
    "accounts.Erasure.user": "there is nobody to export to; goes with the person's row",
    "accounts.Erasure.addresses": "what is still to be erased; goes with the person's row",
    "accounts.Gift.decided_by": "the operator's decision; null once the operator has left",
    "accounts.Gift.domain_sha256": "keyed hash that names nobody; bounds gifts by mail domain",
    "accounts.Gift.network_sha256": "keyed hash that names nobody; bounds gifts by network",
    "accounts.User.user_permissions": "what the operator allows to staff; goes with the row",
    "admin.LogEntry.user": "staff only; whoever has such entries is closed, not deleted",
    "catalog.Difference.decided_by": "staff only; null once they have left",
    "catalog.Launch.by": "staff only; null once they have left",
    "catalog.Mail.sender": "the site's own address",
    "catalog.ModelNotice.by": "staff only; null once they have left",
    "catalog.StageChange.by": "staff only; null once they have left",
}
# Columns that hold an address, of mail or of a network, whatever they are called.
ADDRESS_FIELDS = (models.EmailField, models.GenericIPAddressField)
ADDRESS_WORDS = ("email", "recipient", "sender", "address", "mailbox", "_ip", "network", "domain")
# Tables of allauth's that this site never writes (codes, and no tokens of providers).
UNUSED = {"account.EmailConfirmation", "socialaccount.SocialToken", "socialaccount.SocialApp"}


def columns() -> set[str]:
    """All that point at a person or look like an address."""
    return {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in (*model._meta.concrete_fields, *model._meta.many_to_many)
        if model._meta.label not in UNUSED and (_points_at_people(field) or _is_address(field))
    }


def _points_at_people(field: "models.Field[Any, Any]") -> bool:
    is_to_groups = field.model is User and isinstance(field, models.ManyToManyField)
    return field.related_model is User or is_to_groups


def _is_address(field: "models.Field[Any, Any]") -> bool:
    is_named_so = any(word in f"_{field.name}" for word in ADDRESS_WORDS)
    is_text = not isinstance(field, models.BooleanField | models.ForeignKey | models.DateTimeField)
    return isinstance(field, ADDRESS_FIELDS) or (is_named_so and is_text)


def test_each_column_with_a_person_or_an_address_is_exported_or_has_a_reason() -> None:
    assert columns() - EXPORTED.keys() - REASONS.keys() == set(), "neither exported nor explained"
    assert (EXPORTED.keys() | REASONS.keys()) - columns() == set(), "listed, and not there"


@pytest.fixture
def card(db: None) -> ModelCard:
    return make_card(stage="onboarding")


@pytest.fixture
def ada(card: ModelCard) -> User:
    """A person who has a row in every table that holds people."""
    ada = User.objects.create_user(ADA)
    EmailAddress.objects.create(user=ada, email=ADA, verified=True, primary=True)
    ada.groups.add(Group.objects.create(name="support"))
    lifecycle.onboard(ada, address="192.0.2.1")
    fill(ada, card)
    return ada


def fill(ada: User, card: ModelCard) -> None:
    now = timezone.now()
    keys.issue(ada, name="laptop")
    Authenticator.objects.create(user=ada, type=Authenticator.Type.TOTP, data={"secret": "s3cret"})
    SocialAccount.objects.create(user=ada, provider="github", uid="1", extra_data={"login": "ada"})
    UserSession.objects.create(
        user=ada, ip="192.0.2.1", user_agent="x", session_key="k", last_seen_at=now
    )
    Mail.objects.create(message_id="<1@x>", sender="us@x", recipients=[ADA], subject="hi")
    votes.cast(card, ada)
    waitlist.join(card, ada, consent_address="192.0.2.1")
    ModelRequest.objects.create(user=ada, repo="openai/other")
    Webhook.objects.create(user=ada, url="https://ada.example/", events=["job.failed"], secret="x")
    IdempotentCall.objects.create(user=ada, endpoint="/v1/x", key="k", held_until=now)
    week = timedelta(days=7)
    file = ApiFile.objects.create(
        owner=ada, name="lines.jsonl", purpose=FilePurpose.INPUT, expires_at=now + week
    )
    Batch.objects.create(
        owner=ada,
        endpoint="/v1/embeddings",
        output_kept_for=week,
        input_file_id=file.pk,
        input_name=file.name,
        status=BatchStatus.COMPLETED,
        expires_at=now + week,
        ended_at=now,
    )
    Comparison.objects.create(owner=ada, labels=["a cat", "a dog"])
    JobRecord.objects.create(
        owner=ada,
        kind="classify",
        model=card.repo,
        image_count=1,
        state=State.CANCELLED,
        is_paid=False,
        attempt=0,
        created_at=now,
        finished_at=now,
    )
    Job.objects.create(
        card=card,
        owner=ada,
        kind="classify",
        state=State.CANCELLED,
        finished_at=now,
        fair_share_key="u",
        deadline_at=now,
    )


def test_the_export_has_all_of_them_and_no_secret(ada: User) -> None:
    exported = lifecycle.export(ada)

    for column, section in EXPORTED.items():
        assert exported[section], f"{column}: nothing under {section}"
    text = json.dumps(exported, default=str)
    assert "s3cret" not in text
    assert "support" in text
    assert "free credit" in text or "welcome" in text


def test_after_the_erasure_no_row_of_any_table_points_at_the_person(ada: User) -> None:
    number = ada.pk

    lifecycle.delete(ada)

    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.related_model is User:
                left = model._default_manager.filter(**{field.attname: number})
                assert not left.exists(), f"{model._meta.label}.{field.name}"


def test_after_the_erasure_no_text_of_any_table_has_the_address(ada: User) -> None:
    lifecycle.delete(ada)

    for model in apps.get_models():
        for row in model._default_manager.values():
            assert ADA not in json.dumps(row, default=str).lower(), model._meta.label
