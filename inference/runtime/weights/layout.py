"""Which files of a repository each loader reads."""

from collections.abc import Container
from pathlib import Path

from inference.runtime.spec import Loader, ModelSpec
from inference.runtime.weights import shards

# Listed one by one: a pattern such as *.json would also take a repository's other formats, and
# nothing but these is ever read. No pickles, no code.
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "added_tokens.json",
)
# Each of them, or where several are named one of these.
CONFIGS = {
    Loader.TRANSFORMERS: (("config.json",), ("processor_config.json", "preprocessor_config.json")),
    Loader.OPEN_CLIP: (("open_clip_config.json",),),
}
# In order of preference, as the libraries themselves have it.
WEIGHTS = {
    Loader.TRANSFORMERS: ("model.safetensors", shards.INDEX),
    Loader.OPEN_CLIP: ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"),
}


def missing_configs(names: Container[str], loader: Loader) -> list[str]:
    """What a repository of these files lacks of CONFIGS, alternatives joined by "or"."""
    wanted = CONFIGS[loader]
    return [" or ".join(some) for some in wanted if not any(name in names for name in some)]


def weight_files(spec: ModelSpec, folder: Path) -> list[Path]:
    """The safetensors files that the loader reads, none for a stand-in.

    Raises WeightsUnusable if an index of several files cannot be used.
    """
    for name in WEIGHTS.get(spec.loader, ()):
        if (folder / name).is_file():
            files = shards.names(folder / name) if name == shards.INDEX else [name]
            return [folder / file for file in files]
    return []


def files_read(spec: ModelSpec, folder: Path) -> list[Path]:
    """Every file in the folder that may change an answer, sorted by name."""
    # Not only the names above: tokenizers of transformers look for more in a hand-made folder.
    small = [path for path in folder.iterdir() if path.suffix in (".json", ".txt", ".model")]
    return sorted([*small, *folder.glob("text_tower/*.json"), *weight_files(spec, folder)])
