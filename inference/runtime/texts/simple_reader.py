"""open_clip's SimpleTokenizer, with the same ids at a bounded cost.

The original is quadratic in the length of a word, remembers every word it ever read, and reads a
text to its end though the model sees no more than its context. Here a text is read line by line
and word by word until the context is full, and the merges of a word take n log n. ADR 23 says why
the ids are the same; the tests compare them.
"""

import html
import itertools
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference.runtime.encoder import TokenCount
from inference.runtime.texts import cleaning

if TYPE_CHECKING:
    import torch

# Nothing of what only separates words is worth a look by ftfy.
_BLANK = " \t\f\r\xa0\u3000"
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """All that a SimpleTokenizer knows; plain JSON, once its tuples and keys are strings.

    `byte_names` are the letters that stand for the bytes 0 to 255, `clean` is one of
    cleaning.FINISHERS.
    """

    ids: Mapping[str, int]
    merges: Sequence[tuple[str, str]]  # in the order of their ranks
    byte_names: Sequence[str]
    special: Mapping[str, int]
    start: int
    end: int
    pattern: str
    clean: str
    context_length: int

    # Any: open_clip ships no types.
    @classmethod
    def of(cls, tokenizer: Any, *, context_length: int | None = None) -> "Vocabulary":
        return cls(
            ids=tokenizer.encoder,
            merges=list(tokenizer.bpe_ranks),
            byte_names=[tokenizer.byte_encoder[byte] for byte in range(256)],
            special={tokenizer.decoder[id_]: id_ for id_ in tokenizer.all_special_ids},
            start=tokenizer.sot_token_id,
            end=tokenizer.eot_token_id,
            pattern=tokenizer.pat.pattern,
            clean=cleaning.name_of(tokenizer.clean_fn),
            context_length=context_length or tokenizer.context_length,
        )


class SimpleReader:
    """Reads texts as one of open_clip's tokenizers, and is called like it."""

    # Any: the module regex ships no types.
    def __init__(self, vocabulary: Vocabulary, *, pattern: Any = None) -> None:
        """`pattern` stands in for the vocabulary's, compiled."""
        import regex
        from tokenizers.models import BPE

        self.context_length = vocabulary.context_length
        self._start, self._end = vocabulary.start, vocabulary.end
        self._special = vocabulary.special
        self._byte_names = vocabulary.byte_names
        self._pattern = pattern or regex.compile(vocabulary.pattern, regex.IGNORECASE)
        self._finish = cleaning.FINISHERS[vocabulary.clean]
        self._words_model = BPE(
            vocab=dict(vocabulary.ids),
            merges=[(first, second) for first, second in vocabulary.merges],
            end_of_word_suffix="</w>",
        )

    # Any: open_clip ships no types.
    @classmethod
    def of(cls, tokenizer: Any, *, context_length: int | None = None) -> "SimpleReader":
        return cls(Vocabulary.of(tokenizer, context_length=context_length))

    def __call__(self, texts: Sequence[str]) -> "torch.Tensor":
        """int64 [n, context_length], padded with 0."""
        import torch

        rows = self.ids(texts)
        padded = [row + [0] * (self.context_length - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.long).reshape(len(rows), self.context_length)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Each between its start and end, without padding; cut to the context."""
        return [[self._start, *self._read(text)[: self._room], self._end] for text in texts]

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        lengths = [len(self._read(text)) for text in texts]
        return [
            TokenCount(min(length, self._room) + 2, is_cut=length > self._room)
            for length in lengths
        ]

    @property
    def _room(self) -> int:
        return self.context_length - 2  # for the start and the end

    def _read(self, text: str) -> list[int]:
        """One id more than there is room for, if there are so many."""
        return list(itertools.islice(self._ids_of(text), self._room + 1))

    def _ids_of(self, text: str) -> Iterator[int]:
        for line in cleaned_lines(text):
            for match in self._pattern.finditer(self._finish(line)):
                yield from self._ids_of_word(match[0])

    def _ids_of_word(self, word: str) -> Iterator[int]:
        if word in self._special:
            yield self._special[word]
            return
        named = "".join(self._byte_names[byte] for byte in word.encode())
        for token in self._words_model.tokenize(named):
            yield token.id


def cleaned_lines(text: str) -> Iterator[str]:
    """open_clip's `basic_clean`, one line after the other; the lines together are what it gives."""
    import ftfy

    config = ftfy.TextFixerConfig(explain=False)
    for line in _LINES.findall(text):
        if not line.strip(_BLANK + "\n"):
            continue
        # From the first line that may be HTML, ftfy leaves entities alone.
        if "<" in line:
            config = config._replace(unescape_html=False)
        with _numbers_of_any_length():
            yield html.unescape(html.unescape(ftfy.fix_and_explain(line, config).text))


@contextmanager
def _numbers_of_any_length() -> Iterator[None]:
    # "&#", and thousands of digits: html.unescape knows the answer, but int() refuses first.
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)
