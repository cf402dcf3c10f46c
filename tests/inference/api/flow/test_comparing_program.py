"""The program that a comparison offers, run as it is against the API, writes the same table."""

import csv
import io
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from inference.comparing.results import exports, table
from inference.models import Comparison, Job
from tests.conftest import photo_bytes
from tests.inference.api.clients.programs import run
from tests.inference.api.conftest import Api, eventually, in_base64
from tests.inference.comparing.conftest import started, upload

# What people type, and what Python or a spreadsheet could take for its own.
LABELS = ["a cat", 'a "dog"', "it's {x} \\n", "=1+1 🐈", "\\N{DIGIT ONE}", "COLUMNS = []"]
FILES = {
    "cat/1.png": photo_bytes(70, 48, kind="PNG"),
    "cat/2.jpg": photo_bytes(64, 70),
    "-dog/3.jpg": photo_bytes(90, 48),
    "elsewhere/4.jpg": photo_bytes(91, 48),
    "=5.webp": photo_bytes(92, 48, kind="WEBP"),
}


@pytest.fixture
def comparison(api: Api) -> Comparison:
    """All photos by the served model: with a prompt that is hard to quote, and with a set."""
    client = Client()
    fields = {
        "labels": "\n".join(LABELS),
        "template": 'a "photo" \\ of {}',
        "model_1": api.card.repo,
        "model_2": api.card.repo,
        "prompts_2": "openai-7",
        "photo_count": len(FILES) + 1,
    }
    comparison = started(client.post("/try/compare/", fields))
    for name, content in {**FILES, "cat/broken.jpg": b"no picture"}.items():
        client.post(
            f"/try/compare/{comparison.pk}/photos/",
            {"script": "1", "name": name, "photos": upload(content)},
        )
    eventually(lambda: not Job.objects.exclude(state="succeeded").exists())
    return comparison


def test_the_program_writes_the_same_table(
    api: Api, comparison: Comparison, settings: Settings, tmp_path: Path
) -> None:
    settings.SITE_URL = api.base_url
    for name, content in {**FILES, "cat/broken.jpg": b"no picture", "notes.txt": b""}.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    read = table.read(comparison)
    code = exports.as_program(comparison, [summary.column for summary in read.summaries])

    output = run("compare.py", code, "photos", folder=tmp_path, secret=api.secret)

    written = (tmp_path / "comparison.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(written)))
    assert rows == list(csv.reader(io.StringIO(exports.as_csv(read))))
    assert len(rows) == 7
    assert {row[1] for row in rows[1:]} == {"a cat", ""}
    right = read.summaries[0].accuracy
    assert f"{right.right} of {right.of}," in output


def test_each_cell_equals_a_single_call_of_the_api(api: Api, comparison: Comparison) -> None:
    read = table.read(comparison, predictions=10)

    for row in read.rows:
        if row.photo.error:
            continue
        for summary, cell in zip(read.summaries, row.cells, strict=True):
            answer = api.http.post(
                "/v1/classify",
                json={
                    "model": summary.column.repo,
                    "input": [{"image": in_base64(FILES[row.photo.name])}],
                    "labels": LABELS,
                    "hypothesis_template": summary.column.templates,
                },
            ).json()
            assert cell.predictions == answer["data"][0]["predictions"]
