"""A request has a bound on what all its pictures decode to together."""

import pytest

from inference import images
from inference.images import ImageFile
from inference.kinds.errors import FieldError
from inference.kinds.fields import inputs
from inference.kinds.fields.inputs import ParsedInput
from tests.conftest import photo_bytes
from tests.inference.runtime.images.hostile import flat_png

BOMB = flat_png(8000, 5000)


def of(*contents: bytes | str) -> list[ParsedInput]:
    return [ParsedInput(content, "input") for content in contents]


def test_two_hundred_bombs_of_four_kilobytes_are_refused() -> None:
    assert len(BOMB) < 8_000

    with pytest.raises(FieldError, match="8,000 megapixels together") as refusal:
        inputs.check(of(*[BOMB] * 200))

    assert (refusal.value.code, refusal.value.param) == ("too_many_pixels", "input")


def test_as_many_pixels_as_are_allowed_are_taken() -> None:
    most = images.MAX_REQUEST_PIXELS // images.MAX_PIXELS

    checked = inputs.check(of(*[BOMB] * most, "a text"))

    assert sum(item.pixels for item in checked if isinstance(item, ImageFile)) == 400_000_000
    with pytest.raises(FieldError):
        inputs.check(of(*[BOMB] * most, photo_bytes(40, 30)))
