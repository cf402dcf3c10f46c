"""The table: order, ties, right and wrong, and what a column's head says."""

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client

from catalog.models import ModelCard
from inference.comparing.results import exports, table
from inference.jobs import claims
from inference.models import Comparison, Job
from inference.worker import settlement
from inference.worker.settlement import Done
from tests.conftest import photo_bytes
from tests.inference.comparing.conftest import Start, sentences, started, upload

Logits = dict[str, float]


def answer(card: ModelCard, *answers: Logits, activation: str = "softmax", ms: float = 10) -> None:
    """The card's next jobs are answered so, one after the other; scores are as given."""
    for logits in answers:
        [job] = claims.claim(card, worker="w", budget=1)
        predictions = [
            {"label": label, "score": 1 / (1 + 2**-logit), "similarity": 0.1, "logit": logit}
            for label, logit in sorted(logits.items(), key=lambda item: -item[1])
        ]
        result: dict[str, Any] = {
            "rows": [{"predictions": predictions, "crop": [8.0, 0.0, 56.0, 48.0]}],
            "activation": activation,
            "image_size": 224,
            "forward_ms": ms,
        }
        settlement.succeed([Done(job, result)])


CAT, DOG = {"a cat": 3.0, "a dog": 1.0}, {"a cat": 1.0, "a dog": 3.0}


@pytest.fixture
def three(start: Start) -> Comparison:
    files = [upload(photo_bytes(64 + n, 48), f"{n}.jpg") for n in range(3)]
    return started(start(photos=files))


def test_disagreements_come_first(three: Comparison, cards: list[ModelCard]) -> None:
    answer(cards[0], CAT, CAT, CAT)
    answer(cards[1], CAT, DOG)

    read = table.read(three)

    assert [row.photo.name for row in read.split] == ["1.jpg"]
    assert [row.photo.name for row in read.waiting] == ["2.jpg"]
    assert [row.photo.name for row in read.agreed] == ["0.jpg"]


@pytest.mark.parametrize(
    ("second", "is_near"), [(2.8, True), (2.77, False), (3.0, True), (-9.0, False)]
)
def test_a_near_tie_is_odds_below_one_and_a_quarter(
    three: Comparison, cards: list[ModelCard], second: float, is_near: bool
) -> None:
    answer(cards[0], {"a cat": 3.0, "a dog": second})

    assert table.read(three).rows[0].cells[0].is_near_tie is is_near


def test_right_and_wrong_are_counted_where_the_truth_is_known(
    three: Comparison, cards: list[ModelCard]
) -> None:
    answer(cards[0], CAT, CAT, CAT)
    answer(cards[1], CAT, DOG, CAT)
    truths = dict(enumerate([0, 0, -1]))
    for photo in three.photos.all():
        photo.truth = truths[photo.position]
        photo.save()

    first, second = table.read(three).summaries

    assert (first.accuracy.right, first.accuracy.of) == (2, 3)
    assert (second.accuracy.right, second.accuracy.of) == (1, 3)
    assert [(c.truth, c.answer, c.count) for c in second.confusions if not c.is_right] == [
        ("a cat", "a dog", 1),
        ("none of the labels", "a cat", 1),
    ]


def test_a_label_that_is_called_like_none_of_them_is_still_a_label(
    start: Start, cards: list[ModelCard]
) -> None:
    comparison = started(start(labels="none of the labels, a dog"))
    answer(cards[0], {"none of the labels": 3.0, "a dog": 1.0})
    comparison.photos.update(truth=-1)

    assert table.read(comparison).summaries[0].accuracy.right == 0


def test_a_head_names_time_and_price(three: Comparison, cards: list[ModelCard]) -> None:
    ModelCard.objects.filter(pk=cards[0].pk).update(image_gflops=162.03)
    answer(cards[0], CAT, CAT, CAT, ms=12)

    head = table.read(three).summaries[0]

    assert (head.time, head.price, head.sees) == ("12 ms", "~$0.094", 224)


def test_sigmoid_scores_say_that_each_label_stands_alone(
    three: Comparison, cards: list[ModelCard], client: Client
) -> None:
    answer(cards[0], CAT, activation="sigmoid")

    assert "each label alone" in sentences(client.get(f"/try/compare/{three.pk}/"))


def test_a_job_that_is_gone_leaves_a_sentence(
    three: Comparison, cards: list[ModelCard], client: Client
) -> None:
    answer(cards[0], CAT)
    Job.objects.final().delete()

    assert "Its answer was deleted." in sentences(client.get(f"/try/compare/{three.pk}/"))


def test_a_photo_that_is_just_arriving_has_cells_that_say_so(
    three: Comparison, client: Client
) -> None:
    three.photos.get(position=2).answers.get(column=1).delete()

    page = sentences(client.get(f"/try/compare/{three.pk}/"))

    assert page.count("arriving") == 1
    assert "was deleted" not in page


def test_the_table_takes_few_queries_however_many_photos(
    three: Comparison, client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        client.get(f"/try/compare/{three.pk}/")


def test_the_csv_has_a_line_a_photo(
    three: Comparison, cards: list[ModelCard], client: Client
) -> None:
    answer(cards[0], CAT, CAT, CAT)
    answer(cards[1], DOG)
    three.photos.filter(position=0).update(truth=0)

    lines = list(
        csv.reader(
            io.StringIO(client.get(f"/try/compare/{three.pk}/comparison.csv").content.decode())
        )
    )

    assert lines[0][:4] == [
        "photo",
        "truth",
        "openai/first (a photo of {}): label",
        "openai/first (a photo of {}): score",
    ]
    assert lines[1] == [
        "0.jpg",
        "a cat",
        "a cat",
        "0.888889",
        "a dog",
        "0.666667",
        "yes",
        "a dog",
        "0.888889",
        "a cat",
        "0.666667",
        "no",
    ]
    assert len(lines) == 4
    assert {len(line) for line in lines} == {12}


@pytest.mark.parametrize("start_of_formula", ["=", "+", "-", "@", "\t=", " =", "＝", "\r@"])
def test_no_cell_of_the_csv_is_a_formula(
    start: Start, cards: list[ModelCard], start_of_formula: str
) -> None:
    evil = f"{start_of_formula}cmd()"
    comparison = started(start(photos=upload(name=f"{evil}.jpg"), template=f"{evil} {{}}"))
    Comparison.objects.update(labels=[evil, "a dog"])
    answer(cards[0], {evil: 3.0, "a dog": 1.0})
    answer(cards[1], {evil: 1.0, "a dog": 3.0})
    comparison.refresh_from_db()
    comparison.photos.update(truth=0)

    lines = list(csv.reader(io.StringIO(exports.as_csv(table.read(comparison)))))

    cells = [cell for line in lines for cell in line]
    assert any("cmd()" in cell for cell in lines[1])
    assert [cell for cell in cells if exports.FORMULA.match(cell)] == []


def test_the_json_says_what_was_asked_and_answered(
    three: Comparison, cards: list[ModelCard], client: Client
) -> None:
    answer(cards[0], CAT)
    three.photos.filter(position=0).update(truth=0)

    body = json.loads(client.get(f"/try/compare/{three.pk}/comparison.json").content)

    assert body["columns"][0] == {
        "model": "openai/first",
        "hypothesis_template": "a photo of {}",
        "right": 1,
        "of": 1,
        "interval_95": [pytest.approx(0.2065, abs=1e-4), 1.0],
    }
    [first, _] = body["photos"][0]["answers"]
    assert [one["label"] for one in first["predictions"]] == ["a cat", "a dog"]
    assert first["right"] is True
