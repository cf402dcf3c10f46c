"""Files: their limits, their content, and when they go."""

import io
from datetime import timedelta

import openai
import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from pytest_django import Settings

from catalog.infrastructure.retention import Budget
from inference.batches import files, tidy
from inference.models import ApiFile, FileChunk
from tests.inference.api.batches.conftest import Runner
from tests.inference.api.conftest import Api


def test_a_file_comes_back_as_it_was_sent(runner: Runner) -> None:
    content = b'\n{"a": 1}\r\n\n' * 250 + b'{"b": 2}'

    file_id = runner.upload(content, name="späte Zeilen.jsonl")

    file = runner.client.files.retrieve(file_id)
    assert (file.bytes, file.filename, file.purpose) == (
        len(content),
        "späte Zeilen.jsonl",
        "batch",
    )
    assert runner.client.files.content(file_id).read() == content
    assert FileChunk.objects.count() == 3
    assert ApiFile.objects.get().line_count == 251


def test_no_chunk_has_more_lines_bytes_or_inputs_than_a_step_should(settings: Settings) -> None:
    def counts(text: bytes) -> list[int]:
        return [piece.line_count for piece in files.split(io.BytesIO(text))]

    assert counts(b"{}\n" * 250) == [100, 100, 50]
    assert counts((b"x" * 400_000 + b"\n") * 5) == [2, 2, 1]
    assert counts((b'"a",' * 600 + b"\n") * 5) == [2, 2, 1]
    assert counts((b'"https://a.b/c.jpg" ' * 20 + b"\n") * 3) == [1, 1, 1]


@pytest.mark.parametrize(
    ("setting", "value", "content", "code"),
    [
        ("BATCH_FILE_BYTES", 100, b"{}\n" * 50, "file_too_large"),
        ("BATCH_LINES", 2, b"{}\n" * 3, "too_many_lines"),
        ("BATCH_STORED_BYTES", 8, b"{}\n" * 3, "storage_full"),
        ("API_MAX_BODY_BYTES", 5, b'{"a": 1}\n', "line_too_long"),
        ("BATCH_LINES", 9, b" \n\n", "empty_file"),
        ("BATCH_LINES", 9, b"", "empty_file"),
    ],
)
def test_a_file_beyond_a_limit_is_refused_and_nothing_stays(
    runner: Runner, settings: Settings, setting: str, value: int, content: bytes, code: str
) -> None:
    setattr(settings, setting, value)

    with pytest.raises(openai.APIStatusError) as refusal:
        runner.upload(content)

    assert refusal.value.code == code
    assert not ApiFile.objects.exists()
    assert not default_storage.exists("files") or default_storage.listdir("files")[1] == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    api: Api, runner: Runner, settings: Settings
) -> None:
    settings.BATCH_FILE_BYTES = 1000

    with pytest.raises(openai.APIStatusError) as refusal:
        runner.upload(b"{}\n" * 100_000)

    assert refusal.value.status_code == 413


def test_another_purpose_is_refused(runner: Runner) -> None:
    with pytest.raises(openai.BadRequestError, match="purpose"):
        runner.client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune")


def test_a_file_goes_when_its_time_has_come(runner: Runner) -> None:
    file = runner.client.files.create(
        file=("a.jsonl", b"{}"),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at is not None
    assert file.expires_at - file.created_at == 3600
    kept = runner.upload(b"{}")
    ApiFile.objects.filter(pk=ApiFile.objects.earliest("created_at").pk).update(
        expires_at=Now() - timedelta(seconds=1)
    )

    tidy.tidy(Budget(5))

    assert [one.public_id for one in ApiFile.objects.all()] == [kept]
    assert len(default_storage.listdir("files")[1]) == 1


def test_a_file_that_a_batch_reads_outlives_its_time(runner: Runner) -> None:
    runner.start(runner.texts(["a cat"]))
    ApiFile.objects.update(expires_at=Now() - timedelta(days=1))

    tidy.tidy(Budget(5))

    assert ApiFile.objects.count() == 1


def test_what_a_crash_has_left_is_deleted(runner: Runner) -> None:
    runner.upload(b"{}")
    FileChunk.objects.all().delete()

    assert tidy.delete_orphans(older_than=timedelta(hours=1)) == 0
    assert tidy.delete_orphans(older_than=timedelta(0)) == 1
    assert default_storage.listdir("files")[1] == []
