"""A batch from its file to its results, as the openai package for Python sees it."""

import json
from datetime import timedelta
from decimal import Decimal

import openai
import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from pytest_django import Settings

from accounts import credits
from accounts.models import Entry, EntryKind
from catalog import price_history
from catalog.infrastructure.retention import Budget
from inference.api.batches import advance
from inference.batches import lifecycle, parts
from inference.models import ApiFile, Batch, BatchPart, Delivery, Job, State
from inference.webhooks import endpoints
from tests.inference.api.batches.conftest import Runner, jsonl, line
from tests.inference.api.conftest import (
    CREDIT,
    PRICE_IMAGE,
    PRICE_TEXT,
    Api,
    data_url,
    eventually,
    make_caller,
    money,
)


def test_each_line_is_answered_as_the_call_alone_would_be(api: Api, runner: Runner) -> None:
    alone = api.http.post("/v1/embeddings", json={"model": api.card.repo, "input": "a cat"}).json()

    batch = runner.run(runner.texts(["a cat", "a dog"]))

    assert batch.status == "completed"
    assert batch.request_counts is not None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (2, 2, 0)
    first, second = runner.read(batch.output_file_id)
    assert [first["custom_id"], second["custom_id"]] == ["line-0", "line-1"]
    assert first["response"]["status_code"] == 200
    assert first["error"] is None
    assert first["response"]["body"]["data"] == alone["data"]
    assert batch.error_file_id is None


def test_a_batch_costs_half_and_its_parts_are_rounded_up_once(api: Api, runner: Runner) -> None:
    texts = [f"text {number}" for number in range(parts.MAX_OPEN * 100 + 1)]

    batch = runner.run(runner.texts(texts))

    half = len(texts) * PRICE_TEXT // 2
    assert money(api.user) == (CREDIT - half, 0)
    lines = runner.read(batch.output_file_id)
    assert sum(Decimal(one["response"]["body"]["usage"]["cost_usd"]) for one in lines) == Decimal(
        half
    ).scaleb(-6)
    assert Entry.objects.filter(kind=EntryKind.CAPTURE).count() == 4


def test_an_odd_sum_is_rounded_up_once_for_the_whole_batch(api: Api, runner: Runner) -> None:
    api.card.launch_price_nano_usd_per_image = 5_000
    api.card.launch_price_nano_usd_per_text = 1_000
    api.card.save()

    runner.run(runner.texts([f"text {number}" for number in range(301)]))

    assert money(api.user) == (CREDIT - 151, 0)


def test_a_batch_keeps_the_prices_of_the_day_on_which_it_was_accepted(
    api: Api, runner: Runner
) -> None:
    price_history.record(api.card)
    batch = runner.start(runner.texts(["a cat", "a dog"]))
    api.card.launch_price_nano_usd_per_text = 100 * PRICE_TEXT * 1000
    api.card.save()
    price_history.record(api.card)

    runner.finish(batch.id)
    assert money(api.user) == (CREDIT - PRICE_TEXT, 0)

    runner.run(runner.texts(["a bird", "a fish"]))
    assert money(api.user) == (CREDIT - PRICE_TEXT - 100 * PRICE_TEXT, 0)


def test_pictures_are_classified_by_a_batch(api: Api, runner: Runner) -> None:
    body = {"model": api.card.repo, "input": [{"image": data_url()}], "labels": ["a cat", "a dog"]}

    batch = runner.run([line("one", body, url="/v1/classify")], endpoint="/v1/classify")

    [answer] = runner.read(batch.output_file_id)
    [item] = answer["response"]["body"]["data"]
    assert {one["label"] for one in item["predictions"]} == {"a cat", "a dog"}
    assert money(api.user) == (CREDIT - (PRICE_IMAGE + 2 * PRICE_TEXT) // 2, 0)
    assert default_storage.listdir("pictures")[1] == []


def test_bad_lines_end_alone_and_say_what_the_call_would_have(api: Api, runner: Runner) -> None:
    model = api.card.repo
    lines = [
        line("good", {"model": model, "input": "a cat"}),
        line("no such model", {"model": "nobody/nothing", "input": "a cat"}),
        line("no input", {"model": model}),
        line("no picture", {"model": model, "input": [{"image": "data:image/png;base64,AAAA"}]}),
        line("long", {"model": model, "input": "a cat " * 2000}),
    ]

    batch = runner.run(lines)

    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 4)
    errors = {one["custom_id"]: one for one in runner.read(batch.error_file_id)}
    assert [one["custom_id"] for one in runner.read(batch.output_file_id)] == ["good"]
    found = {name: one["response"]["status_code"] for name, one in errors.items()}
    assert found == {"no such model": 404, "no input": 400, "no picture": 400, "long": 400}
    assert errors["no such model"]["response"]["body"]["error"]["code"] == "model_not_found"
    assert errors["no picture"]["response"]["body"]["error"]["param"] == "input[0]"
    assert money(api.user) == (CREDIT - PRICE_TEXT // 2, 0)


@pytest.mark.parametrize(
    ("content", "code", "number"),
    [
        (b'{"custom_id": "1"\n', "invalid_json_line", 1),
        (jsonl([line("a", {}), line("a", {})]), "duplicate_custom_id", 2),
        (jsonl([line("a", {}), line("b", {}, url="/v1/classify")]), "mismatched_endpoint", 2),
        (jsonl([line("a", {}) | {"method": "GET"}]), "invalid_request", 1),
        (b"\n\n" + jsonl([line("a", {}) | {"more": 1}]), "invalid_request", 3),
        (jsonl([line("", {})]), "invalid_request", 1),
        (b"\xff\xfe\n", "invalid_json_line", 1),
    ],
)
def test_a_file_that_is_no_batch_fails_as_a_whole(
    runner: Runner, content: bytes, code: str, number: int
) -> None:
    batch = runner.run(content)

    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    [problem] = batch.errors.data
    assert (problem.code, problem.line) == (code, number)
    assert not Job.objects.exists()


def test_lines_beyond_the_credit_end_with_an_error_each(runner: Runner) -> None:
    user, _, secret = make_caller("poor@lab.example", 2 * PRICE_TEXT // 2)
    with openai.OpenAI(base_url=f"{runner.api.base_url}/v1", api_key=secret) as client:
        poor = Runner(runner.api, client)
        batch = poor.run(poor.texts(["a cat", "a dog", "a fox", "an owl"]))

        errors = poor.read(batch.error_file_id)
        assert batch.status == "completed"
        assert [one["custom_id"] for one in errors] == ["line-2", "line-3"]
        assert {one["response"]["status_code"] for one in errors} == {402}
        assert errors[0]["response"]["body"]["error"]["code"] == "insufficient_credits"
        assert len(poor.read(batch.output_file_id)) == 2
    assert money(user) == (0, 0)


def test_credit_is_held_for_a_few_parts_only(api: Api, runner: Runner) -> None:
    api.worker.pause()
    batch = runner.start(runner.texts([f"text {number}" for number in range(1000)]))
    for _ in range(5):
        advance.advance(Budget(5))

    held = parts.MAX_OPEN * 100 * PRICE_TEXT // 2
    assert money(api.user) == (CREDIT - held, held)
    assert Job.objects.queued().count() == parts.MAX_OPEN * 100
    api.worker.resume()
    runner.finish(batch.id)
    assert money(api.user) == (CREDIT - 1000 * PRICE_TEXT // 2, 0)


def test_a_canceled_batch_keeps_what_was_answered_and_charges_no_more(
    api: Api, runner: Runner
) -> None:
    api.worker.pause()
    batch = runner.start(runner.texts([f"text {number}" for number in range(500)]))
    advance.advance(Budget(5))

    canceled = runner.client.batches.cancel(batch.id)
    assert canceled.status == "cancelling"
    ended = runner.finish(batch.id)

    assert ended.status == "cancelled"
    assert ended.output_file_id is None
    errors = runner.read(ended.error_file_id)
    assert len(errors) == 500
    assert {one["error"]["code"] for one in errors} == {"batch_cancelled"}
    assert money(api.user) == (CREDIT, 0)
    assert runner.client.batches.cancel(batch.id).status == "cancelled"


def test_a_batch_that_ran_out_of_time_charges_what_was_answered(api: Api, runner: Runner) -> None:
    api.worker.pause()
    batch = runner.start(runner.texts([f"text {number}" for number in range(450)]))
    advance.advance(Budget(5))
    api.worker.resume()
    eventually(lambda: Job.objects.filter(state=State.SUCCEEDED).count() >= 100)
    api.worker.pause()
    Batch.objects.update(expires_at=Now() - timedelta(seconds=1))

    ended = runner.finish(batch.id)

    assert ended.status == "expired"
    answered = runner.read(ended.output_file_id)
    errors = runner.read(ended.error_file_id)
    assert len(answered) + len(errors) == 450
    assert len(answered) >= 100
    assert {one["error"]["code"] for one in errors} == {"batch_expired"}
    assert money(api.user) == (CREDIT - len(answered) * PRICE_TEXT // 2, 0)


def test_a_file_in_use_is_not_deleted_and_afterwards_is(api: Api, runner: Runner) -> None:
    api.worker.pause()
    batch = runner.start(runner.texts(["a cat"]))

    with pytest.raises(openai.ConflictError) as refusal:
        runner.client.files.delete(batch.input_file_id)
    assert refusal.value.code == "file_in_use"
    api.worker.resume()
    runner.finish(batch.id)

    assert runner.client.files.delete(batch.input_file_id).deleted
    with pytest.raises(openai.NotFoundError):
        runner.client.files.retrieve(batch.input_file_id)
    assert len(default_storage.listdir("files")[1]) == 1  # the output


def test_a_repeated_call_makes_one_batch(runner: Runner) -> None:
    file_id = runner.upload(runner.texts(["a cat"]))

    batches = [
        runner.client.batches.create(
            input_file_id=file_id, endpoint="/v1/embeddings", completion_window="24h"
        )
        for _ in range(2)
    ]

    assert batches[0].id == batches[1].id


def test_an_idempotency_key_names_one_batch_for_good(runner: Runner) -> None:
    first, second = (runner.upload(runner.texts([text])) for text in ("a cat", "a dog"))

    def make(file_id: str) -> str:
        return runner.client.batches.create(
            input_file_id=file_id,
            endpoint="/v1/embeddings",
            completion_window="24h",
            extra_headers={"Idempotency-Key": "once"},
        ).id

    batch_id = make(first)
    runner.finish(batch_id)
    assert make(first) == batch_id
    with pytest.raises(openai.UnprocessableEntityError):
        make(second)


def test_files_and_batches_are_listed_by_page(runner: Runner) -> None:
    ids = [runner.start(runner.texts([f"text {number}"])).id for number in range(3)]

    assert [batch.id for batch in runner.client.batches.list(limit=2)] == ids[::-1]
    names = [file.filename for file in runner.client.files.list(limit=2, order="asc")]
    assert names == ["lines.jsonl"] * 3
    assert list(runner.client.files.list(purpose="vision")) == []


def test_others_files_and_batches_do_not_exist(runner: Runner) -> None:
    batch = runner.start(runner.texts(["a cat"]))
    _, _, secret = make_caller("mallory@lab.example")

    with openai.OpenAI(base_url=f"{runner.api.base_url}/v1", api_key=secret) as stranger:
        for call in (
            lambda: stranger.files.retrieve(batch.input_file_id),
            lambda: stranger.files.content(batch.input_file_id),
            lambda: stranger.files.delete(batch.input_file_id),
            lambda: stranger.batches.retrieve(batch.id),
            lambda: stranger.batches.cancel(batch.id),
            lambda: stranger.batches.create(
                input_file_id=batch.input_file_id,
                endpoint="/v1/embeddings",
                completion_window="24h",
            ),
        ):
            with pytest.raises(openai.NotFoundError):
                call()
        assert list(stranger.batches.list()) == []
        assert list(stranger.files.list()) == []


def test_an_account_has_so_many_open_batches(runner: Runner, settings: Settings) -> None:
    settings.BATCH_OPEN = 1
    runner.start(runner.texts(["a cat"]))

    with pytest.raises(openai.RateLimitError) as refusal:
        runner.client.with_options(max_retries=0).batches.create(
            input_file_id=runner.upload(runner.texts(["a dog"])),
            endpoint="/v1/embeddings",
            completion_window="24h",
        )
    assert refusal.value.code == "too_many_batches"


def test_lines_of_batches_are_no_jobs_of_their_own(api: Api, runner: Runner) -> None:
    runner.run(runner.texts(["a cat"]))

    assert api.http.get("/v1/jobs").json()["data"] == []
    job = Job.objects.get()
    assert api.http.get(f"/v1/jobs/{job.pk}").status_code == 404


def test_a_batch_whose_space_is_full_ends_with_an_error_for_each_line(
    runner: Runner, settings: Settings
) -> None:
    batch = runner.start(runner.texts(["a cat", "a dog"]))
    settings.BATCH_STORED_BYTES = 10

    ended = runner.finish(batch.id)

    errors = runner.read(ended.error_file_id)
    assert {one["error"]["code"] for one in errors} == {"storage_full"}


def test_a_batch_of_a_revoked_key_ends_with_an_error_for_each_line(
    api: Api, runner: Runner
) -> None:
    batch = runner.start(runner.texts(["a cat"]))
    type(api.key).objects.filter(pk=api.key.pk).update(revoked_at=Now())
    advance.advance(Budget(5))
    advance.advance(Budget(5))

    row = Batch.objects.get()
    assert (row.status, row.failed_lines) == ("completed", 1)
    assert batch.id == row.public_id
    assert money(api.user) == (CREDIT, 0)


def test_steps_that_run_at_once_do_each_line_once(api: Api, runner: Runner) -> None:
    """Both have read the batch before either has written."""
    runner.start(runner.texts(["a cat", "a dog"]))
    batch = Batch.objects.get()
    lifecycle.start(batch, line_count=2, chunk_count=1)
    stale = Batch.objects.get()
    first = parts.take_up(batch, 0)
    assert first is not None
    assert parts.take_up(stale, 0) is None
    requests = [parts.LineRequest("a"), parts.LineRequest("b")]
    again = BatchPart.objects.get()
    assert parts.begin(batch, first, requests)
    assert not parts.begin(batch, again, requests)
    assert credits.balance_of(api.user).held == 0
    assert ApiFile.objects.count() == 1


def test_the_end_of_a_batch_is_delivered_to_who_asked_for_it(api: Api, runner: Runner) -> None:
    wanted, _ = endpoints.add(api.user, url="https://a.example/", events=["batch.completed"])
    endpoints.add(api.user, url="https://b.example/", events=["job.succeeded", "batch.failed"])

    batch = runner.run(runner.texts(["a cat"]))

    delivery = Delivery.objects.get()
    assert (delivery.webhook, delivery.event) == (wanted, "batch.completed")
    body = json.loads(delivery.body)
    assert body["data"]["id"] == batch.id
    assert body["data"]["request_counts"] == {"total": 1, "completed": 1, "failed": 0}


def test_a_line_names_no_webhook(api: Api, runner: Runner) -> None:
    body = {"model": api.card.repo, "input": "a cat", "webhook": "https://good.example/"}

    batch = runner.run([line("one", body)])

    [error] = runner.read(batch.error_file_id)
    assert error["response"]["body"]["error"]["param"] == "webhook"
