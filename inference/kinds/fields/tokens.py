"""Texts that arrive as token numbers: LangChain's clients encode with OpenAI's cl100k_base.

The vocabulary is OpenAI's own file, published for tiktoken under the MIT license, whose SHA-256
tiktoken states. Decoding is a look-up, so that the file is all there is to it.
"""

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from inference.kinds.errors import FieldError

VOCABULARY = Path(__file__).with_name("cl100k_base.tiktoken.gz")
MAX_TOKENS = 8192  # of one text, as OpenAI has it
_HINT = (
    "Send the text itself, or tokens of cl100k_base. LangChain sends text with"
    " `check_embedding_ctx_length=False`."
)


def is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def decode(tokens: Sequence[Any], *, param: str) -> str:
    """The text that cl100k_base encodes so; raises FieldError for what is no token of it."""
    if len(tokens) > MAX_TOKENS:
        raise _unsupported(
            f"A text of {len(tokens):,} tokens is longer than the {MAX_TOKENS:,} allowed.", param
        )
    vocabulary = _vocabulary()
    for token in tokens:
        if not isinstance(token, int) or not 0 <= token < len(vocabulary):
            raise _unsupported(f"{str(token)[:20]} is no token of cl100k_base. {_HINT}", param)
    # A text that was cut between tokens may begin or end within a letter.
    return b"".join(vocabulary[token] for token in tokens).decode(errors="replace")


def _unsupported(message: str, param: str) -> FieldError:
    return FieldError(message, code="unsupported_input", param=param)


@cache
def _vocabulary() -> tuple[bytes, ...]:
    # 15 MB for each process that ever sees such a request, and 60 ms for the first.
    lines = gzip.decompress(VOCABULARY.read_bytes()).splitlines()
    return tuple(base64.b64decode(line.partition(b" ")[0]) for line in lines)
