"""The models that this worker process answers for, and which of them are in memory.

Where MODEL_MEMORY_MB does not hold all of them, those that were used last stay loaded and the
others are loaded when a message comes. A model that cannot be loaded, for whatever reason, takes
only itself down: the reason is logged and announced to the staff.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.infrastructure import log_context
from catalog.models import ModelCard
from inference.jobs import claims
from inference.models import Job
from inference.runtime import devices, errors, loading
from inference.runtime.cpu import threads
from inference.runtime.encoder import Encoder
from inference.runtime.images.preprocessing import Method
from inference.runtime.model_cache import ModelCache
from inference.runtime.onnx_engine.request import Engine, Precision
from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights.store import find
from inference.worker import leases
from inference.worker.texts.cache import TextCache
from inference.worker.texts.memory import TextMemory

log = logging.getLogger(__name__)

# What one batch is planned to take. Whoever comes meanwhile waits for the one that is computed, and
# for the one that was claimed beside it.
LONGEST_BATCH_S = 1.0
# Of lines of batches: somebody who comes meanwhile waits for one such claim, or for two.
LONGEST_BACKGROUND_S = 1.0
FIRST_BUDGET = 4
FIRST_TOKENS = 2000
SPEED_SMOOTHING = 0.3
MAX_REASON = 500  # characters


class NotServed(Exception):
    """A message for a model that this worker cannot run: its queues and models disagree."""


@dataclass
class ServedModel:
    """A model in memory: its cache of text vectors, and how fast it has been."""

    card: ModelCard
    cache: TextCache
    images_per_s: float = 0.0
    # By the estimates of text_work, texts that were cached included: 0 if all were.
    token_s: float | None = None

    @property
    def budget(self) -> int:
        # Images of one batch: as many as fit the device, and do not take too long.
        return self.images_within(LONGEST_BATCH_S)

    @property
    def tokens(self) -> int:
        """Of the texts of one batch, as text_work estimates them."""
        return self.tokens_within(LONGEST_BATCH_S)

    def images_within(self, seconds: float) -> int:
        if not self.images_per_s:
            return min(FIRST_BUDGET, int(settings.BATCH_IMAGES))
        in_time = int(self.images_per_s * seconds)
        return max(1, min(in_time, int(settings.BATCH_IMAGES)))

    def tokens_within(self, seconds: float) -> int:
        if self.token_s is None:
            return FIRST_TOKENS
        in_time = seconds / max(self.token_s, 1e-9)
        return int(min(in_time, claims.TOKENS_PER_CLAIM))

    @property
    def images_per_pass(self) -> int:
        if not self.images_per_s:
            return self.budget
        return max(1, min(int(self.images_per_s * leases.STEP_S), int(settings.BATCH_IMAGES)))

    def is_long(self, job: Job) -> bool:
        """More than one batch should hold."""
        return job.image_count > self.budget or job.text_tokens > self.tokens

    def note_reading(self, tokens: int, seconds: float) -> None:
        if tokens:
            before = seconds / tokens if self.token_s is None else self.token_s
            self.token_s = (1 - SPEED_SMOOTHING) * before + SPEED_SMOOTHING * seconds / tokens

    def note_speed(self, images: int, seconds: float) -> None:
        if images:
            # A moving mean: the machine may have other things to do for a while.
            speed = images / max(seconds, 1e-6)
            before = self.images_per_s or speed
            self.images_per_s = (1 - SPEED_SMOOTHING) * before + SPEED_SMOOTHING * speed


# One process serves one set of models, so this state is the module's own.
_cards: dict[str, ModelCard] = {}
_engines: dict[str, dict[str, str]] = {}
_revisions: dict[str, str] = {}  # of what was loaded last, though it may be unloaded by now
_loaded: ModelCache[ServedModel] = ModelCache(
    weight=lambda model: model.cache.encoder.parameter_bytes
)
# One budget for all models.
_texts = TextMemory(settings.TEXT_MEMORY_MB * 1024 * 1024)
_failures: dict[str, str] = {}
# Called with the queue of a model that was withdrawn.
on_withdrawal: list[Callable[[str], None]] = []


def repos() -> list[str]:
    return sorted(_cards)


def queues() -> list[str]:
    return sorted(card.queue for card in _cards.values())


def revisions() -> dict[str, str]:
    return {repo: revision for repo, revision in sorted(_revisions.items()) if repo in _cards}


def engines() -> dict[str, dict[str, str]]:
    """By repo: `engine`, `precision`, and in `note` why it is not another engine."""
    return {repo: engine for repo, engine in sorted(_engines.items()) if repo in _cards}


def failures() -> dict[str, str]:
    """Why models that this worker should serve are not served, by repo."""
    return dict(sorted(_failures.items()))


def clear() -> None:
    """Serve nothing any more, and free the memory of the models."""
    for state in (_cards, _revisions, _engines, _loaded, _failures, on_withdrawal):
        state.clear()


def loaded() -> dict[str, ServedModel]:
    return dict(sorted(_loaded.items()))


def loaded_beside(card: ModelCard) -> list[ServedModel]:
    """The other models in memory."""
    return [model for repo, model in loaded().items() if repo != card.repo]


def expire_texts() -> None:
    """Let go of text vectors that have been in memory long enough; any thread may."""
    _texts.expire()


def get(card: ModelCard) -> ServedModel:
    """The model, loaded now if it is not; raises NotServed."""
    if card.repo not in _cards:
        raise NotServed(f"this worker does not serve {card.repo}")
    if card.repo not in _loaded:
        with failing_alone(card) as attempt:
            _load(card)
        if attempt.has_failed:
            _withdraw(card)
            raise NotServed(f"this worker could not load {card.repo} again")
    model = _loaded.take(card.repo)
    model.card = card  # as it is now: it may have been deleted and made again since we loaded it
    return model


def cards_to_serve(selection: str) -> list[ModelCard]:
    """The cards of `repo,repo`; "auto" means those whose weights are on this machine."""
    if selection == "auto":
        return [card for card in ModelCard.objects.order_by("repo") if _seems_to_be_here(card)]
    wanted = [repo.strip() for repo in selection.split(",") if repo.strip()]
    by_repo = {card.repo: card for card in ModelCard.objects.filter(repo__in=wanted)}
    if missing := [repo for repo in wanted if repo not in by_repo]:
        raise NotServed(f"no model card for {', '.join(missing)}; run `manage.py load_catalog`?")
    return [by_repo[repo] for repo in wanted]


def load(cards: Sequence[ModelCard]) -> list[ModelCard]:
    """Load each model that fits; returns those that cannot be served.

    What does not fit beside the others is loaded when it is asked for. Raises EncoderError if
    nothing at all can be served.
    """
    threads.limit_threads(settings.WORKER_THREADS or None)
    _loaded.budget_bytes = settings.MODEL_MEMORY_MB * 1024 * 1024
    _failures.clear()
    failed = [card for card in cards if not _serve(card)]
    if not _cards:
        names = ", ".join(card.repo for card in cards)
        raise errors.EncoderError(f"none of {names or 'no models'} could be loaded")
    return failed


def spec_of(card: ModelCard) -> ModelSpec:
    return ModelSpec(
        repo=card.repo,
        loader=Loader(card.loader),
        open_clip_model=card.open_clip_model,
        revision=card.revision,
    )


def precision_of(repo: str, wanted: Sequence[str]) -> Precision:
    """By `PRECISION`: of a model's own entry, else of the one for all.

    >>> precision_of("a/b", ["fp32", "a/b=int8"])
    <Precision.INT8: 'int8'>
    """
    of = dict(entry.rpartition("=")[::2] for entry in wanted)
    return Precision(of.get(repo, of.get("", Precision.FP32)))


def loading_options(repo: str) -> loading.Options:
    return loading.Options(
        device=settings.WORKER_DEVICE,
        dtype=settings.DTYPE,
        preprocessing=Method(settings.PREPROCESSING),
        is_compiled=settings.COMPILE,
        is_packed=settings.PACK_WEIGHTS,
        engine=Engine(settings.ENGINE),
        precision=precision_of(repo, settings.PRECISION),
        photos=settings.BASE_DIR / "static" / "samples",
        export_bytes=settings.EXPORTS_MB * 1024 * 1024,
    )


def _seems_to_be_here(card: ModelCard) -> bool:
    # A folder that cannot even be looked at is one that should be served: loading says what is
    # wrong with it, where staff can read it.
    try:
        return find(spec_of(card), settings.MODEL_DIR) is not None
    except Exception:
        log.exception("weights not looked at model=%s", card.repo)
        return True


def _serve(card: ModelCard) -> bool:
    with log_context.bound(model=card.repo), failing_alone(card) as attempt:
        is_full = bool(_loaded) and not _loaded.has_room(expected_bytes(card))
        if is_full and find(spec_of(card), settings.MODEL_DIR):
            log.info("no room now, will be loaded when asked for")
        else:
            _load(card)
        _cards[card.repo] = card
    return not attempt.has_failed


@dataclass
class Attempt:
    has_failed: bool = False


@contextmanager
def failing_alone(card: ModelCard) -> Iterator[Attempt]:
    """Whatever is raised inside is logged and kept as why this model is not served."""
    attempt = Attempt()
    try:
        yield attempt
    except (KeyboardInterrupt, SystemExit):
        raise
    # Not Exception: a panic of Rust code (tokenizers, safetensors) is a BaseException.
    except BaseException as error:
        attempt.has_failed = True
        is_ours = isinstance(error, errors.EncoderError)
        reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
        _failures[card.repo] = reason[:MAX_REASON]
        log.error("not serving model=%s: %s", card.repo, reason, exc_info=not is_ours)


def _load(card: ModelCard) -> None:
    log.info("loading device=%s", settings.WORKER_DEVICE)
    _free_memory_of(_loaded.make_room(expected_bytes(card)))
    load: Callable[..., Encoder] = import_string(settings.ENCODER_LOADER)
    encoder = load(
        spec_of(card),
        model_dir=settings.MODEL_DIR,
        cache_dir=settings.CACHE_DIR,
        options=loading_options(card.repo),
    )
    loading.warm_up(encoder)
    _revisions[card.repo] = encoder.revision
    _engines[card.repo] = {
        "engine": encoder.engine,
        "precision": encoder.precision,
        "note": encoder.engine_note,
    }
    _free_memory_of(_loaded.put(card.repo, ServedModel(card, TextCache(encoder, _texts))))


def expected_bytes(card: ModelCard) -> int:
    """Memory that the model's weights will take; 0 if unknown."""
    return loading.expected_bytes(
        spec_of(card), model_dir=settings.MODEL_DIR, options=loading_options(card.repo)
    )


def _free_memory_of(unloaded: Sequence[str]) -> None:
    if unloaded:
        log.info("unloaded to make room models=%s", ",".join(unloaded))
        devices.free_memory(settings.WORKER_DEVICE)


def _withdraw(card: ModelCard) -> None:
    # Its messages are left to workers that can answer them; its jobs are still queued.
    del _cards[card.repo]
    for tell in on_withdrawal:
        tell(card.queue)
