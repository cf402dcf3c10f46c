"""`make check-models` in a short form: one family of each outcome."""

from collections.abc import Sequence

import pytest

from inference.runtime.encoder import Embeddings
from inference.runtime.encoders.plain import Plain
from inference.runtime.spec import Loader
from tests.inference.runtime import check_models

FEW = ["clip", "text: bytes eos", "clip, in shards", "clip, not resized", "metaclip 2"]


def test_no_family_differs_without_being_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_models.main(FEW) == 0

    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["loader", "family", "images:"]
    assert [line.split()[-1] for line in lines[:4]] == ["ok"] * 4
    assert "refused: " in lines[4]
    assert "do_resize is false" in lines[4]
    assert "refused: " in lines[5]
    assert "metaclip_2" in lines[5]


def test_a_family_that_differs_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = Plain.texts

    def a_little_off(self: Plain, inputs: Sequence[str]) -> Embeddings:
        rows = texts(self, inputs)
        rows[:, 0] += 2e-5
        return rows

    monkeypatch.setattr(Plain, "texts", a_little_off)

    assert check_models.main(["clip"]) == 1
    assert capsys.readouterr().out.count("DIFFERS") == len(Loader) - 1


def test_every_loader_is_walked() -> None:
    loaders = {loader for loader, _ in check_models.all_families()}

    assert loaders == set(Loader) - {Loader.CONSE}
