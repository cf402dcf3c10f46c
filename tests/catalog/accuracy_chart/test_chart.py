"""The catalog's chart tells no lies."""

import re
from itertools import pairwise

import pytest
from django.test import Client

from catalog.accuracy_chart import axes, labels, lineages
from catalog.accuracy_chart import chart as accuracy_chart
from catalog.accuracy_chart.axes import ACROSS, UP
from catalog.accuracy_chart.chart import FRAME, Chart, Plotted
from catalog.accuracy_chart.labels import Box, Wanted
from catalog.models import Evaluation, ModelCard, Provenance
from catalog.numbers.formatting import accuracy
from tests.conftest import make_card

COMPUTE, IMAGENET = ACROSS["compute"], UP["imagenet"]


def model(x: float, y: float) -> Plotted:
    return Plotted(ModelCard(repo=f"o/{x}-{y}"), x, y, x_source="", y_source="")


def chart(across: str = "compute", up: str = "imagenet", **options: list[str]) -> Chart:
    drawn = accuracy_chart.chart_of(ModelCard.objects.real(), ACROSS[across], UP[up], **options)
    assert drawn is not None
    return drawn


def test_the_frontier_holds_what_nothing_beats_at_its_cost() -> None:
    cheap, better, dominated, best = model(4, 60), model(9, 65), model(20, 64), model(160, 80)

    assert accuracy_chart.frontier([best, dominated, cheap, better]) == [cheap, better, best]


def test_where_more_is_better_the_frontier_begins_with_the_most() -> None:
    popular, both, dominated, best = model(900, 60), model(500, 70), model(400, 65), model(9, 80)

    found = accuracy_chart.frontier([best, dominated, both, popular], small_is_better=False)

    assert found == [popular, both, best]


def test_equal_compute_leaves_the_more_accurate() -> None:
    assert [m.y for m in accuracy_chart.frontier([model(4, 60), model(4, 61)])] == [61]


@pytest.mark.parametrize("across", ACROSS)
@pytest.mark.parametrize("up", UP)
def test_points_lie_inside_and_keep_their_order(catalog: None, across: str, up: str) -> None:
    drawn = chart(across, up)
    known = axes.with_figures(ModelCard.objects.real(), ACROSS[across], UP[up])
    costs = {card.get_absolute_url(): vars(card)["x"] for card in known}

    assert {point.address for point in drawn.points} == set(costs)
    by_cost = sorted(drawn.points, key=lambda point: costs[point.address])
    assert [p.x for p in by_cost] == sorted(p.x for p in drawn.points)
    for point in drawn.points:
        assert FRAME.left <= point.x <= drawn.right
        assert FRAME.top <= point.y <= FRAME.floor


@pytest.mark.parametrize("across", ACROSS)
@pytest.mark.parametrize("up", UP)
def test_no_label_crosses_the_line_a_point_or_another_label(
    catalog: None, across: str, up: str
) -> None:
    drawn = chart(across, up)
    boxes = [label.box for label in drawn.labels]
    line = [(point.x, point.y) for point in drawn.best]

    assert boxes
    for box in boxes:
        assert not any(box.is_crossed_by(*segment) for segment in pairwise(line))
        assert not any(box.overlaps(Box.around(p.x, p.y, radius=4)) for p in drawn.points)
        assert not any(box.overlaps(other) for other in boxes if other is not box)
        assert box.left >= FRAME.left
        assert box.right <= drawn.right


@pytest.mark.parametrize(
    ("start", "end", "crosses"),
    [
        ((0, 0), (30, 30), True),
        ((0, 15), (30, 15), True),
        ((15, 0), (15, 30), True),
        ((12, 12), (14, 14), True),
        ((0, 30), (9, 30), False),
        ((0, 21), (30, 21), False),
        ((0, 5), (5, 0), False),
        ((0, 25), (25, 50), False),
    ],
)
def test_a_segment_crosses_a_box_where_any_of_it_lies_inside(
    start: tuple[float, float], end: tuple[float, float], crosses: bool
) -> None:
    assert Box(10, 10, 20, 20).is_crossed_by(start, end) == crosses
    assert Box(10, 10, 20, 20).is_crossed_by(end, start) == crosses


def test_a_label_without_room_is_left_out() -> None:
    crowd = [(x, y) for x in range(0, 880, 12) for y in range(0, 360, 12)]
    wanted = [Wanted(400, 200, "a model with a name")]

    assert labels.place(wanted, points=crowd, line=[], frame=FRAME) == []
    assert len(labels.place(wanted, points=[], line=[], frame=FRAME)) == 1


def test_a_label_that_must_be_there_covers_points_rather_than_the_line() -> None:
    crowd = [(x, y) for x in range(0, 880, 12) for y in range(0, 360, 12)]
    wanted = [Wanted(400, 200, "a model", may_cover_points=True)]
    fence = [(0.0, y) for y in range(360)]
    through_all = [point for y in range(0, 360, 4) for point in [(0.0, y), (880.0, y)]]

    assert len(labels.place(wanted, points=crowd, line=fence, frame=FRAME)) == 1
    assert labels.place(wanted, points=crowd, line=through_all, frame=FRAME) == []


def test_the_figure_comes_with_its_source(catalog: None) -> None:
    drawn = chart()
    by_address = {point.address: point for point in drawn.points}

    for row in Provenance.objects.filter(field="imagenet_top1").select_related("card", "source"):
        point = by_address.get(row.card.get_absolute_url())
        if point is not None:
            assert row.source.title.startswith(point.source)
            assert accuracy(row.card.imagenet_top1 or 0) in point.words
    assert sum(count for _, count in drawn.sources.named) + drawn.sources.elsewhere == len(
        [point for point in drawn.points if point.source]
    )


def test_the_mean_of_38_datasets_is_read_from_the_results(catalog: None) -> None:
    drawn = chart(up="mean")
    by_address = {point.address: point for point in drawn.points}
    means = Evaluation.objects.filter(dataset=axes.MEAN_OF_38, value__gte=UP["mean"].least)

    assert len(by_address) > 50
    for row in means.select_related("card"):
        if row.card.image_gflops:
            words = by_address[row.card.get_absolute_url()].words
            assert f"{accuracy(row.value)} on average" in words


def test_an_estimated_price_is_the_one_the_table_shows(catalog: None) -> None:
    by_address = {point.address: point for point in chart("price").points}
    card = ModelCard.objects.get(repo="openai/clip-vit-large-patch14")

    assert card.price is not None
    assert f"${card.price.usd_per_1k_images} per 1,000 images" in (
        by_address[card.get_absolute_url()].words
    )


def test_every_family_that_is_drawn_has_a_shape_of_its_own(catalog: None) -> None:
    drawn = chart()
    shapes = [(lineage.shape, lineage.is_hollow) for lineage in drawn.legend]

    assert {point.lineage for point in drawn.points} == set(drawn.legend)
    assert len(shapes) == len(set(shapes))
    everything = [*lineages.LINEAGES, lineages.OTHER]
    assert len({(lineage.shape, lineage.is_hollow) for lineage in everything}) == len(everything)


def test_a_model_that_was_chosen_is_pointed_out_and_named(catalog: None) -> None:
    repo = "openai/clip-vit-base-patch32"

    drawn = chart(chosen=[repo])

    [chosen] = [point for point in drawn.points if point.is_chosen]
    assert chosen.address == f"/models/{repo}/"
    assert "CLIP ViT-B/32" in [label.text for label in drawn.labels]


def test_fewer_than_two_known_models_make_no_chart(catalog: None) -> None:
    alone = ModelCard.objects.filter(repo="openai/clip-vit-large-patch14")

    assert accuracy_chart.chart_of(alone, COMPUTE, IMAGENET) is None


def test_every_point_is_a_link_and_one_of_them_a_stop(catalog: None, client: Client) -> None:
    page = client.get("/models/").content.decode()
    points = re.findall(r'<a class="chart__model[^>]*>', page)

    assert len(points) == len(chart().points)
    assert all('href="/models/' in point and "aria-label=" in point for point in points)
    assert len([point for point in points if 'tabindex="0"' in point]) == 1


@pytest.mark.parametrize("across", ACROSS)
@pytest.mark.parametrize("up", UP)
def test_the_axes_are_chosen_by_the_address(
    catalog: None, client: Client, across: str, up: str
) -> None:
    response = client.get("/models/", {"x": across, "y": up})
    page = response.content.decode()

    assert ACROSS[across].title in page
    assert UP[up].title in page
    frontier = page[page.index('class="best"') :]
    for point in response.context["chart"].best:
        assert point.address in frontier


@pytest.mark.parametrize("nonsense", ["", "x", "imagenet", "<b>"])
def test_axes_that_make_no_sense_are_the_usual_ones(
    catalog: None, client: Client, nonsense: str
) -> None:
    drawn = client.get("/models/", {"x": nonsense, "y": nonsense or "compute"}).context["chart"]

    assert (drawn.across, drawn.up) == (COMPUTE, IMAGENET)


def test_axes_that_too_few_models_state_say_so(catalog: None, client: Client) -> None:
    page = client.get("/models/", {"x": "downloads", "family": "SigLIP"}).content.decode()

    assert "Fewer than two of these models state both figures" in page
    assert "?family=SigLIP&amp;x=price" in page


def test_of_many_models_the_best_and_the_frontier_are_drawn(db: None) -> None:
    ModelCard.objects.all().delete()
    many = accuracy_chart.MOST_POINTS + 50
    for index in range(many):
        make_card(f"o/{index:03}", image_gflops=100 + index, imagenet_top1=90 - index / 10)
    make_card("o/cheap", image_gflops=1, imagenet_top1=51)
    make_card("o/poor", image_gflops=0.5, imagenet_top1=IMAGENET.least - 1)

    drawn = chart()

    addresses = {point.address for point in drawn.points}
    expected = [f"/models/o/{index:03}/" for index in range(accuracy_chart.MOST_POINTS)]
    assert addresses == {*expected, "/models/o/cheap/"}
    assert [point.address for point in drawn.best] == ["/models/o/cheap/", "/models/o/000/"]
    assert drawn.left_out == 50
