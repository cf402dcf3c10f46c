"""Makes one export in a process of its own, whose memory is returned when it ends.

    python -m inference.runtime.onnx_engine.child < request.json

It holds torch's copy of the weights, the libraries, and the export for a while: some four times the
weights. The folder gets its name only when everything is there. Exit status 0: the manifest says
what came of it; REFUSED: torch would not serve the weights either, and says why.
"""

import gc
import logging
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from inference.runtime import loading
from inference.runtime.encoder import Encoder
from inference.runtime.errors import WeightsUnusable
from inference.runtime.onnx_engine import encoder, equality, export, manifest, speed, towers
from inference.runtime.onnx_engine.manifest import Facts, Manifest
from inference.runtime.onnx_engine.request import REFUSED, Engine, Precision, Request
from inference.runtime.texts.light_reader import NotLight

log = logging.getLogger(__name__)


def main(text: str) -> int:
    request = Request.from_json(text)
    scratch = Path(tempfile.mkdtemp(dir=request.target.parent, prefix="export-", suffix=".partial"))
    try:
        manifest.write(scratch, _made(request, scratch))
        _publish(scratch, request.target)
    except WeightsUnusable as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _made(request: Request, folder: Path) -> Manifest:
    """What the manifest is to say; the files are in the folder if onnxruntime is to serve them."""
    torch_encoder = loading.load_with_torch(
        request.spec, request.folder, request.cache_dir, options=_torch_options(request)
    )
    try:
        found = _exported(request, folder, torch_encoder)
    except MemoryError:
        raise  # says nothing about the model, and is not to be remembered
    except NotLight as error:
        found = Manifest(reason=f"its tokenizer needs torch's libraries: {error}")
    except Exception as error:  # whatever the exporter or onnxruntime makes of a model
        log.exception("not exported")
        found = Manifest(reason=f"no export: {type(error).__name__}: {_first_line(error)}")
    if found.reason:
        for path in folder.iterdir():
            path.unlink()
    return found


def _torch_options(request: Request) -> loading.Options:
    return loading.Options(preprocessing=request.preprocessing, is_packed=request.is_packed)


def _exported(request: Request, folder: Path, torch_encoder: Encoder) -> Manifest:
    expected = loading.expected(request.spec, request.folder)
    read = towers.read(request.spec, request.folder)
    is_int8 = request.precision is Precision.INT8
    export.write(read, folder, side=torch_encoder.image_size, is_int8=is_int8)
    made = Manifest(facts=_facts(torch_encoder, cut=read.cut))
    del read
    gc.collect()
    exported = encoder.load(
        folder, made, repo=request.spec.repo, precision=request.precision.numbers
    )
    if is_int8:
        found = equality.agreement(exported, torch_encoder, photos=request.photos)
        return replace(made, agreement=found, reason=equality.fault_of(found))
    if reason := equality.fault(exported, expected):
        return replace(made, reason=reason)
    taken = speed.cpu_ms({Engine.TORCH: torch_encoder, Engine.ONNXRUNTIME: exported})
    made = replace(made, cpu_ms=taken)
    return replace(made, reason=speed.why_not(taken) if request.engine is Engine.AUTO else "")


def _facts(of: Encoder, *, cut: str) -> Facts:
    return Facts(
        embed_dim=of.embed_dim,
        patch_size=of.patch_size,
        logit_scale=of.logit_scale,
        logit_bias=of.logit_bias,
        is_sigmoid=of.is_sigmoid,
        preprocessing=of.preprocessing,
        cut=cut,
    )


def _publish(scratch: Path, target: Path) -> None:
    # What has its name already is of another version, or damaged: the parent has looked.
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]


if __name__ == "__main__":
    sys.exit(main(sys.stdin.read()))
