"""Writes towers as ONNX files, in float32 or with int8 weights."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.runtime.cache_files import replace_json
from inference.runtime.onnx_engine.manifest import IMAGE, READER, TEXT, WEIGHTS
from inference.runtime.onnx_engine.towers import Towers
from inference.runtime.texts import light_reader

if TYPE_CHECKING:
    import torch

OPSET = 18
_EXAMPLES = 2  # one would be taken for a dimension of one
_EXAMPLE_TEXTS = ("a photo of a cat", "a dog")


def write(towers: Towers, folder: Path, *, side: int, is_int8: bool) -> None:
    """Both towers, and how texts are read; raises what torch's exporter raises."""
    import torch

    levels = torch.zeros((_EXAMPLES, side, side, 3), dtype=torch.uint8)
    reader = light_reader.reader_of(towers.reader)
    ids = torch.from_numpy(reader.padded(_EXAMPLE_TEXTS))
    # A length of its own, so that none of the tower's sizes is taken for it.
    ids = ids[:, : max(2, ids.shape[1] // 2)] if towers.cut else ids
    with tempfile.TemporaryDirectory(dir=folder.parent, suffix=".partial") as scratch:
        for name, tower, example, axes in (
            (IMAGE, towers.image, levels, [0]),
            (TEXT, towers.text, ids, [0, 1] if towers.cut else [0]),
        ):
            traced = Path(scratch) / f"traced-{name}"
            _trace(tower, example, axes, traced)
            _write_int8(traced, folder / name) if is_int8 else _write(traced, folder / name)
            for path in Path(scratch).iterdir():
                path.unlink()
    replace_json(folder / READER, towers.reader)


def _trace(tower: Any, example: "torch.Tensor", axes: Sequence[int], path: Path) -> None:
    import torch

    with _without_fused_attention(), torch.no_grad():
        torch.onnx.export(
            tower.eval(),
            (example,),
            str(path),
            # By tracing: the other exporter takes ten times as long for the same graph. What a
            # trace may get wrong, a size that is taken for a constant, the checks behind it see.
            dynamo=False,
            input_names=["batch"],
            output_names=["rows"],
            dynamic_axes={"batch": axes, "rows": [0]},
            opset_version=OPSET,
        )


@contextmanager
def _without_fused_attention() -> Iterator[None]:
    """nn.MultiheadAttention may take an operator that is all of it, and that ONNX does not have."""
    import torch

    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)


def _write(traced: Path, path: Path) -> None:
    """Weights go into a file of their own, which onnxruntime maps: a vocabulary stays there."""
    import onnx

    onnx.save_model(
        onnx.load(traced),
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=path.name + WEIGHTS,
    )


def _write_int8(traced: Path, path: Path) -> None:
    """Weights of multiplications by int8, a scale for each of their columns; what they are
    multiplied with is rounded for each batch anew. Everything else stays float32."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    rounded = traced.with_name(f"int8-{traced.name}")
    quantize_dynamic(
        traced,
        rounded,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        use_external_data_format=True,
    )
    _write(rounded, path)
