"""Which weights a model is served from, and by which loader."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256


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
    in open_clip's list (empty for a stand-in), `revision` the full commit hash.
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
        """Of its weights: one path segment, and no other repository's.

        `a--b/c` and `a/b--c` would share `a--b--c`, so those have a digest behind it.
        """
        if not self.old_folder:
            return self.repo.replace("/", "--")
        return f"{self.repo.replace('/', '--')}-{sha256(self.repo.encode()).hexdigest()[:12]}"

    @property
    def old_folder(self) -> str:
        """Where its weights were kept before, if that may be another repository's, too; or ""."""
        folder = self.repo.replace("/", "--")
        # `a-/b` and `a/-b` are three dashes.
        is_shared = folder.count("--") > 1 or "---" in folder
        return folder if is_shared else ""
