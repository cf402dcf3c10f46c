"""What people type is read by the same ids as open_clip's own tokenizer gives."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip import SimpleTokenizer

from inference.runtime.texts.simple_reader import SimpleReader

TYPED = [
    "a photo of a cat",
    "A Photo Of A CAT.",
    "  two   spaces\tand a tab ",
    "two\nlines\r\nthree",
    "“curly” ‘quotes’ — and a dash…",
    "it’s the cat's, they’re the dogs', we'll, I'd, I'm, you've",
    "ﬁne ﬂuﬀy oﬃce ﬆars",
    "Ｆｕｌｌ－ｗｉｄｔｈ　１２３",
    "ｶﾀｶﾅ ﾊﾝｶｸ",
    "fish &amp; chips",
    "fish &amp;amp; chips",
    "fish &amp;amp;amp; chips",
    "fish &amp;amp;amp;amp; chips",
    "1 &lt; 2 &gt; 0 &quot;so&quot; &#39;it&#39; &#x1F600; &copy; &notit;",
    "<b>bold</b> &eacute;",
    "caf&eacute; &hellip;",
    "<|endoftext|>",
    "a cat <|endoftext|> a dog",
    "<|startoftext|> a cat",
    "<end_of_text>",
    "a <start_of_text> cat <END_OF_TEXT> dog",
    "café",
    "cafe\u0301",
    "naïve coöperation, Ærøskøbing, Łódź, İstanbul, straße, ſo",
    "ΟΔΥΣΣΕΥΣ Σ ΣΑΣ",
    "猫の写真",
    "一只猫的照片",
    "고양이 사진",
    "صورة قطة",
    "תמונה של חתול",
    "фото кота",
    "ภาพแมว",
    "बिल्ली की तस्वीर",
    "😀",
    "👩‍👩‍👧‍👦 family",
    "👩🏽‍🚀 in space",
    "❤️ and ❤",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿 flag",
    "🇩🇪🇫🇷",
    "می‌خواهم",
    "non\u00a0breaking\u202fspaces\u2009thin\u3000wide",
    "zero\u200bwidth\u2060joiner\ufeff",
    "soft\u00adhyphen",
    "right\u200e\u200fmarks \u202eoverride\u202c",
    "bell\u0007 escape\x1b[31mred\x1b[0m nul\x01 del\x7f",
    "next\x85line \x93quoted\x94",
    "schÃ¶n, â€œmojibakeâ€\x9d, l’Ã©tÃ©",
    "â\x80\x9clatin one\x9d",
    "x² + y₂ = ½ ∑ √π ≤ ∞",
    "3.14, 1,000,000 and 007",
    "snake_case camelCase kebab-case",
    "https://example.com/a?b=c&d=e#f",
    "!!! ??? ... --- ###",
    "!",
    "",
    " ",
    "\u0301",
    "a" * 300,
    "ha" * 200,
    "the cat " * 100,
    "z̸̢̛a̴l̵g̶o̷",
    "𝓯𝓪𝓷𝓬𝔂 ℌ𝔢𝔩𝔩𝔬 ①②③ Ⅷ",
]
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
READERS = {key: SimpleReader(tokenizer) for key, tokenizer in TOKENIZERS.items()}


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
    tokenizer = SimpleTokenizer()
    tokenizer.pat = CountingPattern(tokenizer.pat)

    [row] = SimpleReader(tokenizer).ids(["a cat " * 5_000])

    assert len(row) == 77
    assert tokenizer.pat.words == 76  # one more than fits: that is how it knows that it is cut


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
