"""Tokenizers as plain data: read texts without transformers, open_clip, or torch.

    described = describe(checkpoint.texts)          # where the libraries are at hand
    reader = reader_of(json.loads(json.dumps(described)))
    reader.padded(["a cat"]).ids                    # int64 [1, context], as the original's

`NotLight` names a tokenizer that cannot be described so.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.runtime.encoder import TokenCount
from inference.runtime.texts import cleaning
from inference.runtime.texts.hub_reader import HubReader, token_count
from inference.runtime.texts.simple_reader import SimpleReader, Vocabulary, cleaned_lines

Ids = NDArray[np.int64]
# What JSON is made of.
Described = Mapping[str, Any]


class NotLight(Exception):
    """`str(error)` names the tokenizer."""


class LightReader(Protocol):
    def padded(self, texts: Sequence[str]) -> Ids:
        """int64 [n, context], cut and padded as the original does."""
        ...

    def counts(self, texts: Sequence[str]) -> list[TokenCount]: ...


class SimpleTexts:
    """One of open_clip's own tokenizers; `pad` is what the tower is given behind a text."""

    def __init__(self, vocabulary: Vocabulary, pad: int) -> None:
        self._reader = SimpleReader(vocabulary)
        self._pad = pad

    def padded(self, texts: Sequence[str]) -> Ids:
        return _padded(self._reader.ids(texts), self._reader.context_length, self._pad)

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        return self._reader.counts(texts)


@dataclass(frozen=True, kw_only=True)
class FastParts:
    """A tokenizer of the library `tokenizers`, in its JSON, and how it is called.

    A text is cut at `max_tokens`, and padded to `context` on the `pad_side`. `clean`: one of
    cleaning.FINISHERS behind ftfy, or "". `zeroed`: an id that is given to the tower as 0.
    """

    tokenizer: str
    max_tokens: int
    context: int
    pad: int
    pad_side: str = "right"
    clean: str = ""
    zeroed: int | None = None


class FastTexts:
    def __init__(self, parts: FastParts) -> None:
        from tokenizers import Tokenizer

        self._parts = parts
        self._tokenizer = Tokenizer.from_str(parts.tokenizer)
        self._tokenizer.no_padding()
        # Whether it cuts is a state of the tokenizer.
        self._lock = threading.Lock()

    def padded(self, texts: Sequence[str]) -> Ids:
        parts = self._parts
        rows = self._rows(texts, max_tokens=parts.max_tokens)
        ids = _padded(rows, parts.context, parts.pad, is_left=parts.pad_side == "left")
        return ids if parts.zeroed is None else np.where(ids == parts.zeroed, 0, ids)

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        rows = self._rows(texts, max_tokens=None)
        return [token_count(len(row), self._parts.max_tokens) for row in rows]

    def _rows(self, texts: Sequence[str], *, max_tokens: int | None) -> list[list[int]]:
        cleaned = [self._clean(text) for text in texts]
        with self._lock:
            if max_tokens is None:
                self._tokenizer.no_truncation()
            else:
                self._tokenizer.enable_truncation(max_length=max_tokens)
            return [encoding.ids for encoding in self._tokenizer.encode_batch(cleaned)]

    def _clean(self, text: str) -> str:
        clean = self._parts.clean
        return cleaning.FINISHERS[clean]("".join(cleaned_lines(text))) if clean else text


def _padded(rows: Sequence[Sequence[int]], length: int, pad: int, *, is_left: bool = False) -> Ids:
    ids = np.full((len(rows), length), pad, dtype=np.int64)
    for place, row in zip(ids, rows, strict=True):
        where = slice(length - len(row), None) if is_left else slice(len(row))
        place[where] = row
    return ids


def reader_of(described: Described) -> LightReader:
    """From what `describe` gave, also by way of JSON."""
    if described["kind"] == "simple":
        return SimpleTexts(Vocabulary(**described["vocabulary"]), described["pad"])
    return FastTexts(FastParts(**described["parts"]))


# Any: neither library's tokenizers are typed well enough to say more.
def describe_simple(tokenizer: Any, *, context_length: int | None = None, pad: int) -> Described:
    """One of open_clip's SimpleTokenizers."""
    vocabulary = Vocabulary.of(tokenizer, context_length=context_length)
    return {"kind": "simple", "vocabulary": asdict(vocabulary), "pad": pad}


def describe_fast(tokenizer: Any, *, max_tokens: int, context: int, **parts: Any) -> Described:
    """One of transformers'; raises NotLight if it does not stand on the library `tokenizers`.

    `parts` are further fields of FastParts; without `pad` it is the tokenizer's own.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise NotLight(f"{type(tokenizer).__name__} is not of the tokenizers library")
    own = {"pad": tokenizer.pad_token_id, "pad_side": tokenizer.padding_side}
    fast = FastParts(
        tokenizer=backend.to_str(), max_tokens=max_tokens, context=context, **(own | parts)
    )
    return {"kind": "fast", "parts": asdict(fast)}


def describe_hub(reader: HubReader) -> Described:
    """open_clip's wrapper around one of transformers'; raises NotLight."""
    original = reader.original
    if getattr(original, "tokenizer_mode", ""):
        raise NotLight(f"{type(original).__name__} reads in mode {original.tokenizer_mode!r}")
    inner, length = original.tokenizer, original.context_length
    is_stripped = getattr(original, "strip_sep_token", False)
    return describe_fast(
        inner,
        max_tokens=length,
        context=length,
        clean=cleaning.name_of(reader.clean),
        zeroed=inner.sep_token_id if is_stripped else None,
    )
