"""open_clip's wrapper around a tokenizer of transformers: read by it, and counted."""

from collections.abc import Sequence
from typing import Any

from inference.runtime.encoder import TokenCount

# "clips" puts a beginning, an end and a class token around each text by itself.
_CLIPS_EXTRA = 3


class HubReader:
    # Any: open_clip ships no types.
    def __init__(self, tokenizer: Any) -> None:
        from open_clip.tokenizer import get_clean_fn

        self.original = tokenizer
        self._context_length: int = tokenizer.context_length
        # The class for SigLIP's vocabularies has no choice of how to clean.
        self.clean = getattr(tokenizer, "clean_fn", None) or get_clean_fn("canonicalize")

    def __call__(self, texts: Sequence[str]) -> Any:
        """int64 [n, context_length]."""
        return self.original(list(texts))

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        is_clips = getattr(self.original, "tokenizer_mode", "") == "clips"
        extra = _CLIPS_EXTRA if is_clips else 0
        cleaned = [self.clean(text) for text in texts]
        lengths = whole_lengths(self.original.tokenizer, cleaned, add_special_tokens=not is_clips)
        return [token_count(length + extra, self._context_length) for length in lengths]


def whole_lengths(
    tokenizer: Any, texts: Sequence[str], *, add_special_tokens: bool = True
) -> list[int]:
    """Tokens of each text as a tokenizer of transformers reads it, however many those are."""
    if not texts:
        return []
    # Not verbose: it would warn of each text beyond the context, which is what we look for.
    encoding = tokenizer(
        list(texts), add_special_tokens=add_special_tokens, truncation=False, verbose=False
    )
    return [len(ids) for ids in encoding["input_ids"]]


def token_count(length: int, context_length: int) -> TokenCount:
    return TokenCount(min(length, context_length), is_cut=length > context_length)
