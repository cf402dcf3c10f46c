"""The check of requested models has the loaders' own lists, though neither imports the other."""

from catalog.demand.model_requests import architectures, formats
from catalog.models import Loader as LoaderChoices
from inference.runtime.encoders import siglip_text, transformers_model, transformers_text
from inference.runtime.encoders.preprocessor_config import FILES
from inference.runtime.spec import Loader
from inference.runtime.weights import layout, shards


def test_files_are_those_that_the_loaders_read() -> None:
    for loader, wanted in formats.FORMATS.items():
        assert wanted.configs == layout.CONFIGS[Loader(loader)]
        assert wanted.weights == layout.WEIGHTS[Loader(loader)]
    assert set(formats.FORMATS) == set(LoaderChoices) - {LoaderChoices.CONSE}
    assert formats.INDEX == shards.INDEX
    assert (formats.PROCESSORS, formats.IMAGE_PROCESSOR) == FILES


def test_types_and_tokenizers_are_those_that_the_encoders_know() -> None:
    assert formats.TOKENIZERS == {
        "clip": transformers_text.TOKENIZER_FILES,
        "siglip": siglip_text.TOKENIZER_FILES,
    }
    families = transformers_model.FAMILIES.keys()
    assert set(architectures.MODEL_TYPES) == formats.TOKENIZERS.keys() == families


def test_tokenizer_files_are_fetched() -> None:
    for choices in formats.TOKENIZERS.values():
        assert {name for files in choices for name in files} <= set(layout.TOKENIZER)
