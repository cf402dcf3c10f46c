"""Which weights a model is served from, and by which loader."""

from dataclasses import dataclass
from enum import StrEnum


class Loader(StrEnum):
    # The catalog's choices (catalog.models.Loader) have the same values: neither package may
    # import the other, so test_spec.py compares them.
    TRANSFORMERS = "transformers"
    OPEN_CLIP = "open_clip"
    CONSE = "conse"


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One pinned set of weights.

    `repo` is "owner/name" on the Hugging Face hub, `open_clip_model` the name of the architecture
    in open_clip's list (empty for the stand-in), `revision` the full commit hash.
    """

    repo: str
    loader: Loader
    open_clip_model: str
    revision: str

    @property
    def is_openai_clip(self) -> bool:
        # OpenAI's own weights, as transformers files: their tokenizer is OpenAI's (ADR 23).
        return self.repo.startswith("openai/clip-")

    @property
    def folder(self) -> str:
        # One path segment, whatever the owner and the name: neither may hold a slash.
        return self.repo.replace("/", "--")
