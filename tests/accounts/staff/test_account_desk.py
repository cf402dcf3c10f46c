"""What the operator does with an account takes effect at once, is told, and can be taken back."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError
from django.test import Client

from accounts import credits, erasure, keys, suspension
from accounts.credits import ledger
from accounts.models import Category, User
from catalog.infrastructure.retention import Budget
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims
from inference.kinds.classify import request as classify
from inference.models import Job, State
from inference.worker import settlement
from inference.worker.settlement import Done
from tests.conftest import make_card, photo_bytes
from tests.support.letters import sign_in
from tests.support.threads import at_once

REASON = "Your payment of 3 May was disputed <b>."
CREDIT = 10_000


@pytest.fixture
def ada(db: None) -> User:
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(ada, amount_micro_usd=CREDIT, category=Category.PURCHASE, reference="purchase:1")
    return ada


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@lab.example")


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def card(db: None) -> ModelCard:
    return make_card(est_price_nano_usd_per_image=94_000, image_gflops=162.03, text_gflops=13.3)


def submit(card: ModelCard, user: User) -> Job:
    photo = images.check(photo_bytes())
    request = classify.job_request(
        card, [photo], labels=("a cat",), template="a {}", keeps_preview=False
    )
    return jobs.submit(request, requester=jobs.Requester(user.pk, None), payer=user)


def state_of(user: User) -> tuple[bool, str]:
    user.refresh_from_db()
    return user.is_active, user.suspension_reason


def test_suspending_stops_keys_and_sessions_and_reinstating_undoes_it(
    desk: Client, ada: User
) -> None:
    _, secret = keys.issue(ada, name="laptop")
    sign_in(hers := Client())
    address = f"/admin/account/{ada.pk}/"
    assert "1 API key stop" in desk.get(f"{address}suspend/").content.decode()

    page = desk.post(f"{address}suspend/", {"reason": REASON}, follow=True).content.decode()

    assert "disputed &lt;b&gt;" in page
    assert "Reinstate the account" in page
    assert state_of(ada) == (False, REASON)
    assert keys.find(secret) is None
    assert hers.get("/account/").status_code == 302

    page = desk.post(f"{address}reinstate/", follow=True).content.decode()

    assert "Suspend the account" in page
    assert state_of(ada) == (True, "")
    assert keys.find(secret) is not None
    assert hers.get("/account/").status_code == 200
    assert credits.hold(ada, amount_micro_usd=1, reference="job:1")


def test_whoever_signs_in_is_told_the_reason_and_stays_out(ada: User) -> None:
    suspension.suspend(ada, reason=REASON)

    answer = sign_in(hers := Client())

    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Your payment of 3 May was disputed &lt;b&gt;." in page
    assert "_auth_user_id" not in hers.session


def test_a_stranger_does_not_learn_that_an_account_is_suspended(ada: User) -> None:
    User.objects.create_user("bob@lab.example")
    suspension.suspend(ada, reason=REASON)

    pages = []
    for email in (ada.email, "bob@lab.example"):
        asked = (stranger := Client()).post("/accounts/login/", {"login": email})
        page = stranger.get(asked["Location"]).content.decode()
        pages.append(page.replace(email, "").partition("<main")[2].count("<"))

    assert pages[0] == pages[1]


def test_open_jobs_are_canceled_and_not_charged(ada: User, card: ModelCard) -> None:
    submit(card, ada)
    [running] = claims.claim(card, worker="w", budget=1)
    submit(card, ada)

    assert suspension.suspend(ada, reason=REASON) == 2

    assert set(Job.objects.values_list("state", flat=True)) == {State.CANCELLED}
    assert not settlement.succeed([Done(running, {"rows": []})])
    assert credits.available_to(ada) == CREDIT
    assert ledger.check().differences == ()


def test_nothing_is_held_for_who_is_suspended(ada: User) -> None:
    suspension.suspend(ada, reason=REASON)

    with pytest.raises(credits.AccountSuspended):
        credits.hold(ada, amount_micro_usd=0, reference="job:1")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(3))
def test_no_job_that_races_a_suspension_is_left_open_or_charged(_round: int) -> None:
    ada = User.objects.create_user("ada@lab.example")
    credits.grant(ada, amount_micro_usd=CREDIT, category=Category.PURCHASE, reference="purchase:1")
    card = make_card(est_price_nano_usd_per_image=94_000, image_gflops=162.03, text_gflops=13.3)

    def act(index: int) -> str:
        if index == 0:
            suspension.suspend(ada, reason=REASON)
            return "suspended"
        refused = ""
        for _ in range(5):
            try:
                submit(card, ada)
            except credits.AccountSuspended:
                refused = "refused"
        return refused

    at_once(act, 5)

    with pytest.raises(credits.AccountSuspended):
        submit(card, ada)
    assert not Job.objects.exclude(state=State.CANCELLED).exists()
    assert credits.available_to(ada) == CREDIT
    assert ledger.check().differences == ()


def test_who_is_suspended_again_reads_the_new_reason(desk: Client, ada: User) -> None:
    for reason in ("one", "two\n lines!"):
        desk.post(f"/admin/account/{ada.pk}/suspend/", {"reason": reason})

    assert state_of(ada) == (False, "two lines!")
    told = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert told == ["Changed suspension: nothing → one..", "Changed suspension: one. → two lines!."]


@pytest.mark.parametrize("reason", ["", " ", "x" * 300, "a\0b"])
def test_a_suspension_needs_a_reason(desk: Client, ada: User, reason: str) -> None:
    assert desk.post(f"/admin/account/{ada.pk}/suspend/", {"reason": reason}).status_code == 400
    assert state_of(ada) == (True, "")


def test_an_account_that_is_closed_is_neither_suspended_nor_reinstated(
    desk: Client, ada: User
) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    address = f"/admin/account/{ada.pk}/"

    suspended = desk.post(f"{address}suspend/", {"reason": "x"}, follow=True)
    reinstated = desk.post(f"{address}reinstate/", follow=True)

    assert "closed already" in suspended.content.decode()
    assert "not suspended" in reinstated.content.decode()
    assert state_of(ada) == (False, "")
    assert not LogEntry.objects.exists()


def test_who_is_suspended_can_be_erased_and_does_not_come_back(ada: User) -> None:
    suspension.suspend(ada, reason=REASON)

    erasure.request(ada)

    assert not suspension.reinstate(ada)
    erasure.run(ada.pk, Budget(20))
    assert not User.objects.filter(pk=ada.pk).exists()


def test_the_database_knows_no_active_account_that_is_suspended(ada: User) -> None:
    suspension.suspend(ada, reason=REASON)

    with pytest.raises(IntegrityError):
        User.objects.update(is_active=True)


def test_a_tick_does_not_reinstate(desk: Client, ada: User) -> None:
    suspension.suspend(ada, reason=REASON)

    desk.post(f"/admin/accounts/user/{ada.pk}/change/", {"email": ada.email, "is_active": "on"})

    assert state_of(ada) == (False, REASON)


def test_all_keys_are_revoked_after_a_confirmation(desk: Client, ada: User) -> None:
    secrets = [keys.issue(ada, name=name)[1] for name in ("laptop", "server")]
    address = f"/admin/account/{ada.pk}/revoke-keys/"

    assert "2 API keys of ada@lab.example" in desk.get(address).content.decode()
    assert all(keys.find(secret) for secret in secrets)
    page = desk.post(address, follow=True).content.decode()

    assert "2 keys revoked" in page
    assert not any(keys.find(secret) for secret in secrets)
    assert "2 revoked" in LogEntry.objects.get().get_change_message()


def test_the_export_is_downloaded_and_noted(desk: Client, ada: User, operator: User) -> None:
    answer = desk.post(f"/admin/account/{ada.pk}/export/")

    assert json.loads(answer.content)["person"]["email"] == ada.email
    assert "attachment" in answer.headers["Content-Disposition"]
    assert LogEntry.objects.get().user == operator


POSTS = ("suspend", "reinstate", "revoke-keys", "export")


def test_nobody_but_staff_with_the_permission_does_anything(client: Client, ada: User) -> None:
    page, posts = f"/admin/account/{ada.pk}/", [f"/admin/account/{ada.pk}/{p}/" for p in POSTS]
    reason = {"reason": "x"}
    assert [client.post(address, reason).status_code for address in posts] == [302] * 4

    clerk = User.objects.create_user("clerk@lab.example", is_staff=True)
    client.force_login(clerk)
    assert client.get(page).status_code == 403
    assert [client.post(address, reason).status_code for address in posts] == [403] * 4

    clerk.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert "What to do" not in client.get(page).content.decode()
    assert [client.post(address, reason).status_code for address in posts] == [403] * 4
    assert state_of(ada) == (True, "")
    assert not LogEntry.objects.exists()


def test_no_clerk_reaches_an_administrator_and_nobody_themselves(
    client: Client, operator: User
) -> None:
    clerk = User.objects.create_user("clerk@lab.example", is_staff=True)
    clerk.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    for person, target in ((clerk, operator), (clerk, clerk), (operator, operator)):
        client.force_login(person)
        answers = [
            client.post(f"/admin/account/{target.pk}/{p}/", {"reason": "x"}).status_code
            for p in POSTS
        ]
        assert answers == [403] * 4
        assert "What to do" not in client.get(f"/admin/account/{target.pk}/").content.decode()
    assert state_of(operator) == (True, "")


def test_deeds_are_posts_and_want_a_token(desk: Client, operator: User, ada: User) -> None:
    for name in ("reinstate", "export"):
        assert desk.get(f"/admin/account/{ada.pk}/{name}/").status_code == 405
    assert desk.post(f"/admin/account/{ada.pk}/").status_code == 405
    assert desk.get("/admin/account/999999/").status_code == 404

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    for name in POSTS:
        assert strict.post(f"/admin/account/{ada.pk}/{name}/", {"reason": "x"}).status_code == 403
    assert state_of(ada) == (True, "")


def test_limits_of_an_account_are_edited_on_its_page(desk: Client, ada: User) -> None:
    limits = {
        "max_calls_in_flight": "5",
        "max_calls_per_minute": "70",
        "max_images_per_minute": "900",
    }
    address = f"/admin/accounts/user/{ada.pk}/change/"

    desk.post(address, {"email": ada.email, "is_active": "on", **limits})

    ada.refresh_from_db()
    assert (ada.max_calls_in_flight, ada.max_calls_per_minute) == (5, 70)
    assert ada.max_images_per_minute == 900
    page = desk.get(address).content.decode()
    assert all(f'for="id_{name}"' in page for name in limits)
    assert f"/admin/account/{ada.pk}/" in page
