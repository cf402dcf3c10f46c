"""Each model has a Celery queue of its own, whatever it is called."""

from itertools import combinations

from catalog.models import ModelCard


def queue_of(repo: str) -> str:
    return ModelCard(repo=repo).queue


def test_names_that_differ_have_queues_that_differ() -> None:
    repos = ["a.b/c", "a/b.c", "a..b/c", "a./b.c", "a/b..c", "a.b.c/d", "a.b/c.d"]

    assert all(queue_of(one) != queue_of(other) for one, other in combinations(repos, 2))


def test_usual_names_read_as_they_are() -> None:
    assert queue_of("openai/clip-vit-large-patch14") == "clip.openai.clip-vit-large-patch14"
    assert queue_of("timm/vit.base") == "clip.timm.vit.base"
