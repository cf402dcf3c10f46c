"""A statement can be read: each line in words, with a link to the job that it is of."""

import csv

import pytest
from django.core.mail import EmailMessage
from django.db.models.functions import Now
from django.test import Client

from accounts import credits
from accounts.credits import alerts, statement
from accounts.credits.taking import take
from accounts.models import Category, EntryKind, User
from inference import images, jobs
from inference.kinds.embed.request import job_request
from inference.models import Job
from tests.conftest import FROZEN, answer_next, make_card, photo_bytes

USD = 1_000_000


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


def give(user: User, category: Category, *, model: str = "", note: str = "") -> None:
    credits.grant(
        user,
        amount_micro_usd=USD,
        category=category,
        reference=f"{category}:{model}",
        model=model,
        note=note,
    )


def words_of(user: User, *, has_holds: bool = False) -> list[str]:
    return [line.words for line in statement.page(user, has_holds=has_holds).lines]


@pytest.fixture
def paid_job(ada: User) -> Job:
    """Twelve images and a text, on ViT-L/14."""
    give(ada, Category.WELCOME)
    card = make_card("openai/clip-vit-large-patch14", **FROZEN | {"name": "CLIP ViT-L/14"})
    photos = [images.check(photo_bytes()) for _ in range(12)]
    jobs.submit(
        job_request(card, [*photos, "a cat"]), requester=jobs.Requester(ada.pk, None), payer=ada
    )
    return answer_next(card)


def test_a_job_is_what_was_done_on_which_model(paid_job: Job, ada: User) -> None:
    assert words_of(ada) == ["12 images and 1 text on CLIP ViT-L/14", "welcome credit"]
    assert words_of(ada, has_holds=True)[1] == "held for 12 images and 1 text on CLIP ViT-L/14"


def test_a_line_leads_to_its_job_as_long_as_there_is_one(
    paid_job: Job, ada: User, client: Client
) -> None:
    client.force_login(ada)
    assert f'href="/jobs/{paid_job.pk}/"' in client.get("/account/credit/").content.decode()

    Job.objects.all().delete()

    page = client.get("/account/credit/").content.decode()
    assert "12 images and 1 text" in page
    assert "/jobs/" not in page


def test_the_csv_has_both_words_and_references(paid_job: Job, ada: User, client: Client) -> None:
    client.force_login(ada)

    rows = list(csv.DictReader(client.get("/account/credit.csv").content.decode().splitlines()))

    captured = next(row for row in rows if row["what"] == "capture")
    assert captured["in_words"] == "12 images and 1 text on CLIP ViT-L/14"
    assert captured["reference"] == f"job:{paid_job.pk}"
    assert captured["job_url"].endswith(f"/jobs/{paid_job.pk}/")
    assert captured["credit_usd"] == "-0.001128"  # twelve images; the text was not read anew


def test_every_kind_of_line_has_words(ada: User) -> None:
    make_card("lab/launched", name="Launched")
    give(ada, Category.LAUNCH, model="lab/launched", note="launch of lab/launched")
    give(ada, Category.PURCHASE)
    give(ada, Category.ADJUSTMENT, note="for the outage of Monday")
    credits.void("adjustment:", note="it was one too many")
    take(
        credits.wallet_of(ada).pk,
        amount_micro_usd=5,
        kind=EntryKind.REFUND,
        reference="refund:1",
        note="refunded to your card",
    )
    credits.hold(ada, amount_micro_usd=1, reference="job:x", model="lab/gone")
    credits.release("job:x")

    assert words_of(ada, has_holds=True) == [
        "not charged: a request on lab/gone",
        "held for a request on lab/gone",
        "refunded to your card",
        "taken back: it was one too many",
        "credit added by the operator: for the outage of Monday",
        "credit added by card",
        "launch credit for Launched",
    ]


def test_credit_that_expired_says_which(ada: User) -> None:
    credits.grant(
        ada,
        amount_micro_usd=USD,
        category=Category.WELCOME,
        reference="welcome:1",
        expires_at=Now(),
    )
    credits.expire_due(Now())

    assert words_of(ada) == ["expired: welcome credit", "welcome credit"]


def test_one_mail_when_credit_falls_below_the_chosen_amount(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    give(ada, Category.PURCHASE)
    alerts.choose(ada, 500_000)
    assert alerts.mail_due() == 0

    spend(ada, 600_000, "job:1")
    assert [alerts.mail_due(), alerts.mail_due()] == [1, 0]
    spend(ada, 1, "job:2")
    assert alerts.mail_due() == 0

    give(ada, Category.PROMOTION)
    assert alerts.mail_due() == 0  # above again
    spend(ada, 1_000_000, "job:3")
    assert alerts.mail_due() == 1
    assert len(mailoutbox) == 2
    assert "/account/credit/add/" in str(mailoutbox[-1].body)


def test_nobody_is_mailed_who_did_not_choose_it(ada: User) -> None:
    give(ada, Category.PURCHASE)
    alerts.choose(ada, 500_000)
    alerts.choose(ada, None)
    spend(ada, USD, "job:1")

    assert alerts.mail_due() == 0


@pytest.mark.parametrize(
    ("below", "micro_usd"), [("1000000", USD), ("", None), ("7", 5), ("x", 5), ("-1", 5)]
)
def test_the_amount_is_one_of_those_on_the_page(
    ada: User, client: Client, below: str, micro_usd: int | None
) -> None:
    alerts.choose(ada, 5)
    client.force_login(ada)

    assert client.post("/account/credit/alert/", {"below": below}).status_code == 302

    ada.refresh_from_db()
    assert ada.low_balance_micro_usd == micro_usd
    assert client.get("/account/credit/alert/").status_code == 405


def spend(user: User, micro_usd: int, reference: str) -> None:
    credits.hold(user, amount_micro_usd=micro_usd, reference=reference)
    credits.capture(reference)
