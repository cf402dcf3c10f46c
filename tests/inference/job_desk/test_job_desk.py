"""Support finds a job by whatever its owner has, and reads what happened."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.test import Client

from accounts import keys
from accounts.models import User
from catalog.models import ModelCard
from inference import jobs
from inference.jobs import claims, sweep
from inference.models import ErrorCode, Job
from inference.worker import settlement
from tests.conftest import answer_next

Submit = Callable[..., Job]


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example")


@pytest.fixture
def own(submit: Submit, ada: User) -> Job:
    key, _ = keys.issue(ada, name="laptop")
    job = submit(by=jobs.Requester(ada.pk, None, key))
    Job.objects.update(request_id=uuid.uuid4())
    job.refresh_from_db()
    return job


@pytest.fixture
def desk(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


def page_of(desk: Client, job: Job) -> str:
    return desk.get(f"/admin/jobs/{job.pk}/").content.decode()


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize(
    "written",
    [
        "cls_{job.pk.hex}",
        "emb_{job.pk.hex}",
        "rank_{job.pk.hex}",
        "batch_req_{job.pk.hex}",
        "{job.pk}",
        "{job.pk.hex}",
        " {job.pk} ",
        "req_{job.request_id.hex}",
        "ada@lab.example",
        "Ada@lab.example",
    ],
)
def test_a_job_and_its_record_are_found_by_whatever_its_owner_has(
    desk: Client, own: Job, written: str, is_deleted: bool
) -> None:
    query = written.format(job=own)
    address = f"/admin/jobs/{own.pk}/"
    if is_deleted:
        jobs.delete(Job.objects.get(pk=own.pk))

    answer = desk.get("/admin/jobs/", {"q": query})

    assert answer.headers["Location"] == address
    page = desk.get(address).content.decode()
    assert "ada@lab.example" in page
    assert own.key is not None
    assert own.key.prefix in page
    assert ("The job was deleted" in page) is is_deleted


def test_several_jobs_are_listed_newest_first(
    desk: Client, own: Job, submit: Submit, ada: User
) -> None:
    jobs.delete(Job.objects.get(pk=own.pk))
    newer = submit(by=jobs.Requester(ada.pk, None))

    page = desk.get("/admin/jobs/", {"q": "ada@lab.example"}).content.decode()

    assert page.index(f"{newer.pk}</a>") < page.index(f"{own.pk}</a>")


@pytest.mark.parametrize(
    "query",
    [
        "cls_",
        "nonsense",
        "req_123",
        "nobody@lab.example",
        "@",
        "' OR 1=1",
        "1995a752-75a5-4651-8f00-886a54ea983e",
    ],
)
def test_what_names_no_job_is_answered_in_words(desk: Client, own: Job, query: str) -> None:
    answer = desk.get("/admin/jobs/", {"q": query})

    assert answer.status_code == 200
    assert "No job has that id" in answer.content.decode()


@pytest.mark.parametrize("query", ["", "x" * 321, "a\0b"])
def test_what_cannot_be_an_id_is_refused(desk: Client, query: str) -> None:
    assert desk.get("/admin/jobs/", {"q": query}).status_code == 400


def test_an_empty_desk_and_an_unknown_job(desk: Client) -> None:
    assert desk.get("/admin/jobs/").status_code == 200
    assert desk.get(f"/admin/jobs/{uuid.uuid4()}/").status_code == 404


def test_the_page_says_how_each_attempt_ended(desk: Client, own: Job, card: ModelCard) -> None:
    claims.claim(card, worker="first", budget=1)
    Job.objects.update(lease_until=Now() - timedelta(seconds=1))
    sweep.sweep()
    [job] = claims.claim(card, worker="second", budget=1)
    settlement.fail(job, ErrorCode.INVALID_IMAGE, {"input": 0})

    page = page_of(desk, own)

    assert page.index("first</th>") < page.index("the worker was not heard from any more")
    assert page.index("second</th>") < page.index("it failed the job: invalid_image")
    assert "The picture could not be decoded" in page
    assert "It was input 0, counted from 0." in page


def test_the_page_says_which_texts_were_too_long(desk: Client, own: Job, card: ModelCard) -> None:
    [job] = claims.claim(card, worker="w", budget=1)
    settlement.fail(job, ErrorCode.CONTEXT_LENGTH_EXCEEDED, {"truncated": [0, 2]})

    assert "Texts that are too long, counted from 0: 0, 2." in page_of(desk, own)


def test_the_pages_of_jobs_that_wait_run_and_are_done(
    desk: Client, own: Job, card: ModelCard
) -> None:
    assert "No worker has taken it yet." in page_of(desk, own)
    [job] = claims.claim(card, worker="w", budget=1)
    assert "it is running" in page_of(desk, own)
    assert job.lease_token
    claims.give_back(job.lease_token, was_tried=False)
    answer_next(card)
    assert "it delivered the result" in page_of(desk, own)


def test_nobody_but_staff_with_the_permission_reads_jobs(client: Client, own: Job) -> None:
    addresses = ["/admin/jobs/", f"/admin/jobs/{own.pk}/"]
    assert [client.get(address).status_code for address in addresses] == [302, 302]

    clerk = User.objects.create_user("clerk@lab.example", is_staff=True)
    client.force_login(clerk)
    assert [client.get(address).status_code for address in addresses] == [403, 403]

    clerk.user_permissions.add(Permission.objects.get(codename="view_job"))
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    assert [client.post(address).status_code for address in addresses] == [405, 405]


def test_a_traced_job_says_under_which_id(desk: Client, own: Job) -> None:
    assert "<dt>trace</dt>" not in page_of(desk, own)

    Job.objects.update(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

    assert "<code>0af7651916cd43dd8448eb211c80319c</code>" in page_of(desk, own)
