"""The accuracy-compute chart tells no lies."""

from django.test import Client

from catalog.finding import accuracy_chart
from catalog.models import ModelCard
from tests.conftest import make_card


def card(gflops: float, top1: float) -> ModelCard:
    return ModelCard(repo=f"o/{gflops}-{top1}", image_gflops=gflops, imagenet_top1=top1)


def test_the_frontier_holds_what_nothing_beats_at_its_cost() -> None:
    cheap, better, dominated, best = card(4, 60), card(9, 65), card(20, 64), card(160, 80)

    assert accuracy_chart.frontier([best, dominated, cheap, better]) == [cheap, better, best]


def test_equal_compute_leaves_the_more_accurate() -> None:
    assert [c.imagenet_top1 for c in accuracy_chart.frontier([card(4, 60), card(4, 61)])] == [61]


def test_points_lie_inside_and_keep_their_order(catalog: None) -> None:
    drawn = accuracy_chart.chart_of(ModelCard.objects.real())

    assert drawn is not None
    assert (
        len(drawn.points)
        == ModelCard.objects.real()
        .filter(image_gflops__isnull=False, imagenet_top1__gte=accuracy_chart.LOWEST_TOP1)
        .count()
    )
    by_compute = sorted(drawn.points, key=lambda point: point.gflops)
    assert [p.x for p in by_compute] == sorted(p.x for p in drawn.points)
    for point in drawn.points:
        assert (
            accuracy_chart.FRAME.left
            <= point.x
            <= accuracy_chart.FRAME.width - accuracy_chart.FRAME.right
        )
        assert accuracy_chart.FRAME.top <= point.y <= accuracy_chart.FRAME.floor


def test_fewer_than_two_known_models_make_no_chart(catalog: None) -> None:
    alone = ModelCard.objects.filter(repo="openai/clip-vit-large-patch14")

    assert accuracy_chart.chart_of(alone) is None


def test_every_point_is_a_link(catalog: None, client: Client) -> None:
    page = client.get("/models/").content.decode()

    assert '<a href="/models/laion/CLIP-ViT-bigG-14-laion2B-39B-b160k/" aria-label=' in page


def test_of_many_models_the_best_and_the_frontier_are_drawn(db: None) -> None:
    ModelCard.objects.all().delete()
    many = accuracy_chart.MOST_POINTS + 50
    for index in range(many):
        make_card(f"o/{index:03}", image_gflops=100 + index, imagenet_top1=90 - index / 10)
    make_card("o/cheap", image_gflops=1, imagenet_top1=51)
    make_card("o/poor", image_gflops=0.5, imagenet_top1=accuracy_chart.LOWEST_TOP1 - 1)

    drawn = accuracy_chart.chart_of(ModelCard.objects.all())

    assert drawn is not None
    names = {point.name for point in drawn.points}
    assert names == {f"o/{index:03}" for index in range(accuracy_chart.MOST_POINTS)} | {"o/cheap"}
    assert {p.name for p in drawn.points if p.is_on_frontier} == {"o/cheap", "o/000"}
    assert drawn.left_out == 50
