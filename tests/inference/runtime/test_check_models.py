"""`make check-models` in a short form: one family of each outcome."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.runtime.encoder import Embeddings
from inference.runtime.encoders import plain
from inference.runtime.encoders.plain import Plain
from inference.runtime.spec import Loader
from tests.inference.runtime import check_models

OK = ["clip", "text: bytes eos", "clip, in shards", "siglip", "siglip 2"]
REFUSED = {
    "clip, not resized": "do_resize is false",
    "siglip 2, naflex": "NaFlex",
    "metaclip 2": "metaclip_2",
}


# Pillow says so of a palette's transparency; the libraries convert it all the same, and so do we.
pytestmark = pytest.mark.filterwarnings("ignore:Palette images with Transparency")


def test_no_family_differs_without_being_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_models.main([*OK, *REFUSED]) == 0

    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["loader", "family", "images:"]
    refused = [line for line in lines if "refused: " in line]
    by_torch_alone = {line.split()[1] for line in lines if "by torch alone: " in line}
    assert by_torch_alone == {"siglip"}  # of sentencepiece
    assert all(line.endswith("ok") for line in lines if line not in refused)
    # Two of the names are families of both loaders.
    assert len(lines) - len(refused) == len(OK) + 2
    for line, reason in zip(refused, REFUSED.values(), strict=True):
        assert reason in line


class AnotherLibrary(Plain):
    def texts(self, texts: Sequence[str]) -> Embeddings:
        rows = super().texts(texts)
        rows[:, 0] += 2e-5
        return rows


def test_a_family_that_differs_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def library(loader: Loader, folder: Path) -> Plain:
        return AnotherLibrary(**vars(plain.load(loader, folder)))

    assert check_models.main(["clip"], library) == 1
    assert capsys.readouterr().out.count("DIFFERS") == len(Loader) - 1


def test_every_loader_is_walked() -> None:
    loaders = {loader for loader, _ in check_models.all_families()}

    assert loaders == set(Loader) - {Loader.CONSE}
