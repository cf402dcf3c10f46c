"""What people type is read by the same ids as open_clip's own tokenizer gives."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip import SimpleTokenizer

from inference.runtime.texts.simple_reader import SimpleReader, Vocabulary
from tests.inference.runtime.texts.typed import TYPED

# Pieces that react with each other in cleaning, splitting or merging.
PIECES = [*"ab c\n\r\t&#;<1２Ａﬁ“’é👩中_.!Σσİſ", *"\u0301\u200d\ufe0f\u2028\u3000\xa0\x85\x93\x9d"]
PIECES += ["cat", "ing", "&amp;", "&lt;", "&#10;", "&NewLine;", "amp;", "'s", "’ll", "Ã©", "â€œ"]
PIECES += ["\x1b[31m", "<end_of_text>", "<|endoftext|>", "<START_OF_TEXT>", "aaaaaaa", "\n\n"]
PIECES += ["\x07", "\x1c"]


class CountingPattern:
    """A compiled pattern that counts what was found."""

    def __init__(self, pattern: Any) -> None:
        self.pattern = pattern
        self.words = 0

    def finditer(self, text: str) -> Iterator[Any]:
        for match in self.pattern.finditer(text):
            self.words += 1
            yield match


CLEANINGS = ["lower", "whitespace", "canonicalize"]
TOKENIZERS = {
    (clean, length): SimpleTokenizer(clean=clean, context_length=length)
    for clean in CLEANINGS
    for length in (8, 77)
}
READERS = {key: SimpleReader.of(tokenizer) for key, tokenizer in TOKENIZERS.items()}


@pytest.mark.parametrize("text", TYPED)
@pytest.mark.parametrize("clean", CLEANINGS)
def test_typed_texts_get_the_ids_of_open_clip(text: str, clean: str) -> None:
    expected = TOKENIZERS[clean, 77]([text]).tolist()

    assert READERS[clean, 77]([text]).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(
    text=st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=40).map("".join),
    key=st.sampled_from(sorted(READERS)),
)
def test_any_text_gets_the_ids_of_open_clip_and_the_right_count(
    text: str, key: tuple[str, int]
) -> None:
    tokenizer, reader = TOKENIZERS[key], READERS[key]
    length = len(tokenizer.encode(text)) + 2

    [count] = reader.counts([text])

    assert reader([text]).tolist() == tokenizer([text]).tolist()
    assert count.tokens == min(length, key[1])
    assert count.is_cut == (length > key[1])


@settings(max_examples=100, deadline=None)
@given(
    word=st.text(st.sampled_from("aehilnorst"), min_size=100, max_size=600)
    | st.builds(
        lambda part, times: part * times,
        st.sampled_from(["a", "ha", "ing", "zz", "é", "中", "😂"]),
        st.integers(50, 200),
    )
)
def test_words_beyond_the_context_get_the_ids_of_open_clip(word: str) -> None:
    assert READERS["lower", 77]([word]).tolist() == TOKENIZERS["lower", 77]([word]).tolist()


def test_a_number_that_python_refuses_to_read_is_the_character_it_cannot_be() -> None:
    # html.unescape knows no character of so high a number: U+FFFD.
    reader = READERS["lower", 77]

    assert reader.ids(["a &#" + "1" * 5000 + "; b"]) == reader.ids(["a \ufffd b"])


def test_a_text_is_read_no_further_than_the_context() -> None:
    pattern = CountingPattern(SimpleTokenizer().pat)
    reader = SimpleReader(Vocabulary.of(SimpleTokenizer()), pattern=pattern)

    [row] = reader.ids(["a cat " * 5_000])

    assert len(row) == 77
    assert pattern.words == 76  # one more than fits: that is how it knows that it is cut


def test_every_merge_of_the_vocabulary_comes_after_the_merges_that_it_builds_on() -> None:
    # What makes the order of merges the same whether all places of a pair are merged at once, as
    # open_clip does, or one by one, as tokenizers does: see ADR 23.
    ranks = {"".join(pair): rank for pair, rank in TOKENIZERS["lower", 77].bpe_ranks.items()}
    letters = {*TOKENIZERS["lower", 77].byte_encoder.values()}
    letters |= {f"{letter}</w>" for letter in letters}

    assert len(ranks) == len(TOKENIZERS["lower", 77].bpe_ranks)  # no token is made in two ways
    assert all(
        part in letters or ranks[part] < rank
        for pair, rank in TOKENIZERS["lower", 77].bpe_ranks.items()
        for part in pair
    )
