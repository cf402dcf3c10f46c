"""What reading a job's texts costs, as far as it can be known without a tokenizer."""

from collections.abc import Iterable

# CLIP's context; what a text has beyond it is cut before it is read.
MOST_TOKENS = 77
ENDS = 2  # the tokens before and behind each text
BYTES_PER_TOKEN = 3  # English has four, other languages and numbers fewer


def estimated_tokens(byte_count: int) -> int:
    """Of one text of so many bytes in UTF-8. For planning alone: nobody pays by it.

    >>> estimated_tokens(len("a photo of a cat")), estimated_tokens(500)
    (7, 77)
    """
    return min(ENDS + byte_count // BYTES_PER_TOKEN, MOST_TOKENS)


def most_tokens_of(texts: Iterable[str], *, context_length: int) -> int:
    """That many tokens the model may read of them at most: for what is held, not what is charged.

    >>> most_tokens_of(["a cat", "一只猫"], context_length=77)
    85
    """
    return sum(most_tokens(size_of(text), context_length) for text in texts)


def most_tokens(size: int | None, context_length: int) -> int:
    """Of one text by its `size_of`."""
    return context_length if size is None else min(size + ENDS + 1, context_length)


def size_of(text: str) -> int | None:
    """Its characters, where no tokenizer can make more tokens of it; None where one may.

    A token has a byte at least (a SentencePiece model puts a space in front). But tokenizers
    lower, compose and unescape texts first: one letter may become a dozen, and `&NotLess;` grows.
    """
    return len(text) if text.isascii() and "&" not in text else None


def tokens_of(texts: Iterable[str]) -> int:
    return sum(estimated_tokens(len(text.encode(errors="replace"))) for text in texts)
