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


def tokens_of(texts: Iterable[str]) -> int:
    return sum(estimated_tokens(len(text.encode(errors="replace"))) for text in texts)
