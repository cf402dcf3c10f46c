"""What of a text reaches the model, and which texts are refused by name."""

import pytest

from inference.kinds.fields import texts

ACUTE, GRAVE_BELOW = "\u0301", "\u0316"


@pytest.mark.parametrize("offset", [0, 1, 50, 99, 100, 101, 102, 150, 500])
@pytest.mark.parametrize(("count", "is_refused"), [(99, False), (100, False), (101, True)])
def test_a_run_of_marks_is_found_wherever_it_is(offset: int, count: int, is_refused: bool) -> None:
    marks = ((ACUTE + GRAVE_BELOW) * count)[:count]

    assert texts.has_too_many_marks("x" * offset + marks) is is_refused
    assert texts.has_too_many_marks("x" * offset + marks + "y" * 300) is is_refused
    assert texts.has_too_many_marks((marks + "y") * 5) is is_refused


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character_but_white_space_reaches_the_model(code: int) -> None:
    read = texts.readable(f"a{chr(code)}b")

    assert chr(code) not in read or chr(code) in "\t\n\f\r"


@pytest.mark.parametrize(
    "text", ["\u200d", "\u200c", "\ufe0f", "\U000e0100", "\U000e0067", "\u200f", "\ue000", "\u00ad"]
)
def test_what_is_no_control_character_reaches_the_model(text: str) -> None:
    assert texts.readable(f"a{text}b") == f"a{text}b"
