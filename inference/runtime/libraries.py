"""Whether this machine has what computes: the libraries of the extra `worker`."""

from importlib.util import find_spec

from inference.runtime.errors import LibrariesMissing

NEEDED = ("torch", "transformers", "open_clip", "tokenizers", "safetensors", "sentencepiece")


def require() -> None:
    """Raises `LibrariesMissing`. Imports none of them: torch takes seconds and 200 MB."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise LibrariesMissing.named(missing)
