"""Which published weights were trained with QuickGELU: computed with GELU, they answer wrongly.

open_clip's list of checkpoints says it of each. What is served is built from the configuration
beside the weights, which may leave it out: GELU is then the library's default, and every tensor
still fits.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from inference.runtime import torchvision_operators
from inference.runtime.errors import WeightsUnusable
from inference.runtime.spec import ModelSpec


def check(spec: ModelSpec, folder: Path, *, has_gelu: bool, setting: str) -> None:
    """Raises WeightsUnusable for weights that need QuickGELU in a model that `has_gelu`.

    `setting` is what the folder's configuration should say. The other way round nothing is refused:
    open_clip's list leaves out what some authors say in their own configuration.
    """
    if has_gelu and is_needed(spec):
        raise WeightsUnusable(
            f"{folder} computes with GELU, but {spec.repo} was trained with QuickGELU, and its "
            f"scores would be wrong. Fetch the model again, or put {setting}."
        )


def is_needed(spec: ModelSpec) -> bool:
    return spec.is_openai_clip or spec.repo in _trained_with_quick_gelu()


@cache
def _trained_with_quick_gelu() -> frozenset[str]:
    return frozenset(_repositories())


def _repositories() -> Iterator[str]:
    torchvision_operators.declare()
    from open_clip import pretrained

    for name, tag in pretrained.list_pretrained():
        checkpoint = pretrained.get_pretrained_cfg(name, tag)
        if checkpoint.get("quick_gelu"):
            # "owner/name/", or with a file's name behind it
            yield "/".join(checkpoint.get("hf_hub", "").split("/")[:2])
