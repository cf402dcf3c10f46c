"""How many photos the worker's decoders take a second, with nothing else to do."""

import time
from collections.abc import Sequence

from inference.runtime.images import headers
from inference.runtime.images.decoders import Decoder
from inference.runtime.images.decoding import Task
from inference.runtime.images.preprocessing import Preprocessing
from inference.worker import decode

PREPROCESSING = Preprocessing(size=224)


def measure(photos: Sequence[bytes], *, seconds: float) -> dict[str, float]:
    decoders = decode.decoders()
    decoders.map(_decode, photos)  # their processes start
    done, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        decoders.map(_decode, photos)
        done += len(photos)
    return {"images_per_s": done / (time.perf_counter() - began_s)}


def _decode(decoder: Decoder, photo: bytes) -> None:
    size = headers.read(photo).upright_size
    decoder.decode(Task(data=photo, size=size, preprocessing=PREPROCESSING))
