"""Labels as people type them."""

import pytest

from inference.playground import labels


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a cat, a dog", ["a cat", "a dog"]),
        ("a cat\r\na dog\n\n", ["a cat", "a dog"]),
        ("  a   cat ,a   cat\t, a cat", ["a   cat", "a cat"]),
        ("cafe\u0301, caf\u00e9", ["cafe\u0301", "caf\u00e9"]),
        ("👩\u200d🚀, ❤\ufe0f, ❤", ["👩\u200d🚀", "❤\ufe0f", "❤"]),
        ("猫, γάτα", ["猫", "γάτα"]),
    ],
)
def test_labels_are_split_and_kept_once_as_typed(typed: str, expected: list[str]) -> None:
    assert labels.parse(typed) == expected


@pytest.mark.parametrize("typed", ["", " ", ",,\n", "\u200b", "\u2028"])
def test_no_visible_label_is_refused(typed: str) -> None:
    with pytest.raises(labels.InvalidLabels, match="at least one label"):
        labels.parse(typed)


def test_a_label_may_have_200_characters_and_no_more() -> None:
    assert labels.parse("x" * 200) == ["x" * 200]
    with pytest.raises(labels.InvalidLabels, match="1,000,000 characters"):
        labels.parse("x" * 1_000_000)


def test_a_hundred_labels_are_taken_and_no_more() -> None:
    assert len(labels.parse("\n".join(map(str, range(100))))) == 100
    with pytest.raises(labels.InvalidLabels, match="101 labels"):
        labels.parse("\n".join(map(str, range(101))))
