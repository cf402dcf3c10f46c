"""The runtime and the catalog list the same loaders, though neither imports the other."""

from catalog.models import Loader as LoaderChoices
from inference.runtime.spec import Loader


def test_every_loader_of_the_catalog_is_one_of_the_runtime() -> None:
    assert [choice.value for choice in LoaderChoices] == [loader.value for loader in Loader]
