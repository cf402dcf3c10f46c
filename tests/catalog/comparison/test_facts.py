"""Models side by side."""

import pytest
from django.test import Client

from catalog.models import ModelCard
from catalog.pages import compare

L14 = "openai/clip-vit-large-patch14"
B32 = "openai/clip-vit-base-patch32"


def rows(*repos: str) -> dict[str, compare.Row]:
    cards = [ModelCard.objects.get(repo=repo) for repo in repos]
    return {row.label: row for row in compare.rows_of(cards)}


def test_the_better_figure_wins_whether_large_or_small(catalog: None) -> None:
    by_label = rows(L14, B32)

    assert [c.is_best for c in by_label["ImageNet zero-shot"].cells] == [True, False]
    assert [c.is_best for c in by_label["compute, GFLOP an image"].cells] == [False, True]


def test_nobody_wins_a_draw(catalog: None) -> None:
    by_label = rows(L14, "laion/CLIP-ViT-L-14-laion2B-s32B-b82K")

    assert not any(cell.is_best for cell in by_label["price of 1,000 images (~ estimated)"].cells)


def test_an_unknown_figure_neither_wins_nor_breaks(catalog: None) -> None:
    by_label = rows(L14, "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K")

    downloads = by_label["downloads a month"].cells
    assert (downloads[0].text, downloads[1].text) == ("12.4M", "")
    assert not downloads[1].is_best


def test_rows_that_differ_come_first(catalog: None) -> None:
    differs = [row.differs for row in rows(L14, B32).values()]

    assert differs == sorted(differs, reverse=True)


def test_the_address_is_the_comparison(catalog: None, client: Client) -> None:
    page = client.get("/compare/", {"m": [L14, B32, "nobody/nothing"]}).content.decode()

    assert page.index("CLIP ViT-L/14") < page.index("CLIP ViT-B/32")
    assert "left out: nobody/nothing" in page


@pytest.mark.parametrize("chosen", [[], [L14], ["x"], [L14, L14], ["<script>"]])
def test_fewer_than_two_models_are_asked_for_more(
    catalog: None, client: Client, chosen: list[str]
) -> None:
    response = client.get("/compare/", {"m": chosen})

    assert response.status_code == 200
    assert response.context["rows"] == []
    assert "<script>" not in response.content.decode()


def test_no_more_than_four_are_compared(catalog: None, client: Client) -> None:
    repos = list(ModelCard.objects.values_list("repo", flat=True)[:6])

    assert len(client.get("/compare/", {"m": repos}).context["cards"]) == 4


def test_comparing_takes_no_post(client: Client) -> None:
    assert client.post("/compare/").status_code == 405
