"""What `make bench` sets up: weights of chance, photos, cards that cost money, and a payer."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from bench.engine import photos
from catalog.models import Loader, ModelCard, Stage
from inference.runtime.weights import random_weights
from inference.worker import served_models

PAYER = "bench@localhost.example"
SERVED = "bench/clip-vit-base-patch32"
DIRECT = "bench/drained-directly"
SILENT = "bench/never-answers"
INT8 = "bench/in-int8"
IDLE = "bench/without-a-forward-pass"
NAPPING = "bench/sleeps"
REPOS = (SERVED, DIRECT, SILENT, INT8, IDLE, NAPPING)
PAGE = "/models/openai/clip-vit-large-patch14/"


@dataclass(frozen=True)
class Props:
    weights: Path
    photos: Path
    small_photos: Path
    key: str


def build() -> Props:
    call_command("migrate", verbosity=0)
    call_command("load_catalog", stdout=StringIO())
    call_command("collectstatic", interactive=False, verbosity=0)
    cards = {repo: _card(repo) for repo in REPOS}
    weights = random_weights.write(served_models.spec_of(cards[SERVED]), settings.MODEL_DIR)
    for repo in (DIRECT, INT8):
        twin = settings.MODEL_DIR / served_models.spec_of(cards[repo]).folder
        twin.symlink_to(weights)
    large, small = settings.DATA_DIR / "photos", settings.DATA_DIR / "small-photos"
    photos.write(large)
    photos.write(small, count=4, width=200, wanted_bytes=10_000)
    return Props(weights, large, small, _key())


def _card(repo: str) -> ModelCard:
    """Live, so that it may be called; priced, so that the ledger is in the way."""
    card: ModelCard = ModelCard.objects.create(
        repo=repo,
        name=repo,
        summary="Weights of chance, to measure speed.",
        stage=Stage.LIVE,
        loader=Loader.TRANSFORMERS,
        open_clip_model="ViT-B-32-quickgelu",
        revision="0" * 40,
        image_size=224,
        patch_size=32,
        embed_dim=512,
        image_gflops=8.8,
        text_gflops=5.9,
        launch_price_nano_usd_per_image=5_117,
        launch_price_nano_usd_per_token=45,
    )
    return card


def _key() -> str:
    printed = StringIO()
    call_command("issue_key", PAYER, grant_usd="1000000", name="bench", stdout=printed)
    return printed.getvalue().split()[-1]
