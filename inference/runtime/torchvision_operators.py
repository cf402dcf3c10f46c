"""Makes torchvision importable beside a torch without CUDA.

On Linux the registry's torchvision wheel is a CUDA build. Its C++ part cannot be loaded beside a
CPU-only torch, which torchvision itself tolerates; but it then registers shape functions for two
operators that the C++ part would have declared, and dies: "operator torchvision::nms does not
exist". open_clip and transformers' CLIPModel import torchvision, and so neither can be imported.

Declaring the two schemas first is enough: we resize with Pillow and never call the operators. If
anything does, torch says clearly that they have no implementation.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.library import Library

OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache  # keeps the Library alive: its declarations go when it does
def declare() -> "Library | None":
    """Declares what is missing; call before importing transformers or open_clip, as often as
    needed. None if torchvision is absent or brings the real operators."""
    package = find_spec("torchvision")
    if package is None or package.origin is None or _real_operators(Path(package.origin).parent):
        return None
    import torch

    # torch leaves these functions untyped.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in OPERATORS:
        library.define(operator + _SIGNATURE)  # type: ignore[no-untyped-call]
    return library


def _real_operators(folder: Path) -> bool:
    # Loading the C++ part is what declares them.
    import torch

    for extension in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        try:
            torch.ops.load_library(extension)  # type: ignore[no-untyped-call]
        except (ImportError, OSError):
            continue
    return all(_is_declared(operator) for operator in OPERATORS)


def _is_declared(operator: str) -> bool:
    import torch

    return hasattr(torch.ops.torchvision, operator)
