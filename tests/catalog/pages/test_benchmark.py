"""A benchmark measures what it says, is kept with all it depended on, and sets the price."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.models import Benchmark, ModelCard, PriceChange
from catalog.pages.benchmarks import BenchmarkStory
from inference.runtime import loading
from inference.runtime.encoder import Agreement
from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import random_weights
from inference.worker import benchmark
from inference.worker.benchmark import Figure, Machine, Measured
from tests.conftest import make_card
from tests.inference.runtime import conftest  # before the next: it makes open_clip importable
from tests.inference.runtime.tiny_models import tiny

FIGURES = [
    Figure("pass", 1, 1, 10.0, 100.0, 120.0),
    Figure("pass", 16, 1, 40.0, 400.0, 440.0),
    Figure("photos", 16, 1, 20.0, 800.0, 820.0),
    Figure("photos", 16, 2, 25.0, 1200.0, 1300.0),
]
FOUND = Measured("float32", 1.5, 900_000_000, None, FIGURES)
CHEAP = Machine("a laptop", "cpu", usd_per_hour=0.09)


@pytest.fixture
def tiny_card(card: ModelCard, tmp_path: Path, settings: Settings) -> ModelCard:
    """A card whose weights are here, and small."""
    settings.MODEL_DIR = tmp_path
    tiny.write_transformers(tmp_path / card.repo.replace("/", "--"))
    return card


def run(card: ModelCard, *options: str) -> tuple[str, str]:
    output, seen = StringIO(), StringIO()
    call_command("benchmark", card.repo, "--seconds", "0.01", *options, stdout=output, stderr=seen)
    return output.getvalue(), seen.getvalue()


def test_the_command_measures_and_keeps_all_of_it(tiny_card: ModelCard) -> None:
    output, seen = run(tiny_card, "--usd-per-hour", "0.5", "--hardware", "two old cores")

    row = Benchmark.objects.get()
    passes = [case for case in row.figures if case["what"] == "pass"]
    photos = [case for case in row.figures if case["what"] == "photos"]
    assert [case["batch"] for case in passes] == [1, 2, 4, 8, 16, 32, 64]
    assert [case["callers"] for case in photos] == [1, 2, 4, 8]
    assert all(case["images_per_s"] > 0 for case in row.figures)
    assert all(case["p50_ms"] <= case["p95_ms"] for case in row.figures)
    assert (row.hardware, row.device, row.dtype) == ("two old cores", "cpu", "float32")
    assert not row.has_random_weights
    assert row.versions["torch"].startswith("2.")
    assert row.resident_bytes > 10_000_000
    assert row.device_bytes is None
    assert "two old cores, cpu, float32" in output
    assert "12/12 done" in seen


def test_the_price_then_follows_it(card: ModelCard) -> None:
    benchmark.record(card, FOUND, machine=CHEAP, has_random_weights=False, prices_it=True)

    card.refresh_from_db()
    assert card.measured_images_per_s == 25.0
    assert card.measured_usd_per_hour == 0.09
    change = PriceChange.objects.get(card=card)
    assert change.basis == "benchmark"
    # $0.09 an hour for 25 images/s, busy 30 % of the time, plus 40 %: 4.67 µ$.
    assert change.nano_usd_per_image == 4_667


@pytest.mark.parametrize(
    ("machine", "prices_it"), [(Machine("a laptop", "cpu"), True), (CHEAP, False)]
)
def test_without_a_cost_or_a_wish_the_price_stays(
    card: ModelCard, machine: Machine, prices_it: bool
) -> None:
    benchmark.record(card, FOUND, machine=machine, has_random_weights=True, prices_it=prices_it)

    card.refresh_from_db()
    assert card.measured_images_per_s is None
    assert Benchmark.objects.count() == 1
    assert not PriceChange.objects.exists()


@pytest.mark.parametrize("broken", [{"hardware": ""}, {"usd_per_hour": 0}])
def test_the_database_wants_a_machine_with_a_name_that_costs_something(
    card: ModelCard, broken: dict[str, object]
) -> None:
    fields = {"hardware": "x", "device": "cpu", "dtype": "float32"}
    with pytest.raises(IntegrityError):
        Benchmark.objects.create(card=card, load_s=1, resident_bytes=1, **(fields | broken))


def test_the_page_draws_it_and_says_what_is_random(card: ModelCard) -> None:
    row = benchmark.record(card, FOUND, machine=CHEAP, has_random_weights=True, prices_it=False)
    page = render_to_string(
        "catalog/model/_benchmarks.html", {"benchmarks": [BenchmarkStory.of(row)]}
    )

    assert "random weights" in page
    assert "25.0 images/s" in page
    assert "$0.001 for 1,000 images" in page
    assert 'width="100.0%"' in page
    assert "style=" not in page


def test_the_page_says_how_far_int8_is_from_float32(card: ModelCard) -> None:
    agreement = Agreement(images=200, cosine_min=0.9931, cosine_median=0.9987, top1=0.965)
    found = replace(FOUND, dtype="int8", engine="onnxruntime", agreement=agreement)
    row = benchmark.record(card, found, machine=CHEAP, has_random_weights=True, prices_it=False)
    page = render_to_string(
        "catalog/model/_benchmarks.html", {"benchmarks": [BenchmarkStory.of(row)]}
    )

    assert "a laptop: int8, onnxruntime" in page
    assert "0.9931 at the least, 0.9987 in the middle" in page
    assert "96.5 % of them. With random weights these figures tell nothing of accuracy." in page


def test_each_speed_of_the_page_has_its_cost(card: ModelCard) -> None:
    row = benchmark.record(card, FOUND, machine=CHEAP, has_random_weights=False, prices_it=False)

    bars = BenchmarkStory.of(row).passes
    # $0.09 an hour: 10 images/s are 36,000 an hour.
    assert [bar.usd_per_1k_images for bar in bars] == ["$0.0025", "$0.000625"]


def test_a_cost_nobody_stated_is_not_made_up(card: ModelCard) -> None:
    free = Machine("a laptop", "cpu")
    row = benchmark.record(card, FOUND, machine=free, has_random_weights=False, prices_it=True)

    story = BenchmarkStory.of(row)
    assert story.usd_per_1k_images == ""
    assert "unknown" in list(story.lines())[-1]


def test_the_command_says_what_is_wrong(
    card: ModelCard, tmp_path: Path, settings: Settings
) -> None:
    settings.MODEL_DIR = tmp_path

    with pytest.raises(CommandError, match="No model card"):
        run(ModelCard(repo="no/such"))
    with pytest.raises(CommandError, match="fetch"):
        run(make_card("openai/no-weights"))
    with pytest.raises(CommandError, match="above zero"):
        run(card, "--usd-per-hour", "-1")


@pytest.mark.parametrize("loader", [Loader.TRANSFORMERS, Loader.OPEN_CLIP])
def test_weights_of_chance_load_like_real_ones(loader: Loader, tmp_path: Path) -> None:
    spec = ModelSpec(
        repo="x/small", loader=loader, open_clip_model="ViT-S-32-alt", revision=conftest.REVISION
    )
    folder = random_weights.write(spec, tmp_path)

    encoder = loading.load(spec, model_dir=tmp_path, cache_dir=tmp_path)

    assert folder == random_weights.write(spec, tmp_path)
    assert encoder.encode_texts(["a cat", "a dog"]).shape == (2, encoder.embed_dim)


def test_weights_of_chance_need_an_architecture(tmp_path: Path) -> None:
    unknown = ModelSpec(
        repo="x/y", loader=Loader.OPEN_CLIP, open_clip_model="ViT-none", revision=conftest.REVISION
    )
    stand_in = ModelSpec(repo="x/z", loader=Loader.CONSE, open_clip_model="", revision="")

    for spec in (unknown, stand_in):
        with pytest.raises(WeightsUnusable):
            random_weights.write(spec, tmp_path)


def test_a_model_page_shows_its_benchmarks_for_no_further_query(
    card: ModelCard, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    benchmark.record(card, FOUND, machine=CHEAP, has_random_weights=False, prices_it=False)

    with django_assert_max_num_queries(10):
        page = client.get(card.get_absolute_url()).content.decode()

    assert "measured speed" in page
    assert CHEAP.hardware in page
