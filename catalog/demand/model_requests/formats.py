"""Which files of a repository each loader reads: only what it can load is accepted.

The runtime has the same lists (inference.runtime), and neither package may import the other:
tests/inference/runtime/test_formats.py compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import Loader

# Of each group one is needed, of the innermost tuples all.
Group = tuple[tuple[str, ...], ...]

INDEX = "model.safetensors.index.json"  # names the files of weights that are split
PROCESSORS = "processor_config.json"
IMAGE_PROCESSOR = "preprocessor_config.json"


@dataclass(frozen=True)
class Format:
    """What one loader looks for at the top of a repository.

    `configs`: one name of each tuple. `weights`: one name, the first that is there.
    """

    configs: tuple[tuple[str, ...], ...]
    weights: tuple[str, ...]

    def weights_name(self, names: Mapping[str, int]) -> str | None:
        return next((name for name in self.weights if name in names), None)

    def missing_configs(self, names: Mapping[str, int]) -> list[str]:
        return [
            " or ".join(choice)
            for choice in self.configs
            if not any(name in names for name in choice)
        ]


# In the order in which they are tried: open_clip's own configuration says more.
FORMATS = {
    Loader.OPEN_CLIP: Format(
        configs=(("open_clip_config.json",),),
        weights=("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"),
    ),
    Loader.TRANSFORMERS: Format(
        configs=(("config.json",), (PROCESSORS, IMAGE_PROCESSOR)),
        weights=("model.safetensors", INDEX),
    ),
}
# By the model_type of a config.json: those that the loader knows.
TOKENIZERS: dict[str, Group] = {
    "clip": (("tokenizer.json",), ("vocab.json", "merges.txt")),
    "siglip": (("spiece.model",), ("tokenizer.json",)),
}


def lacks_tokenizer(model_type: str, names: Mapping[str, int]) -> bool:
    return not any(all(name in names for name in files) for files in TOKENIZERS[model_type])
