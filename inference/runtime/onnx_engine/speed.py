"""Which of two encoders is faster here, measured in turns.

In processor time: where a machine does other things as well, the clock on the wall measures those.
"""

import time
from collections.abc import Mapping

from PIL import Image

from inference.runtime.encoder import Encoder
from inference.runtime.onnx_engine.request import Engine
from inference.runtime.self_check import check

BATCH = 8
FEWEST_ROUNDS = 3
SECONDS = 4.0
# What onnxruntime may take of torch's time and still serve: without torch a worker needs two thirds
# of the memory, and answers single pictures sooner (ADR 39).
MOST_OF_TORCH = 1.1


def cpu_ms(encoders: Mapping[str, Encoder], *, seconds: float = SECONDS) -> dict[str, float]:
    """By name, processor time of an image in a batch of ready squares: the least of several rounds,
    as the others were disturbed."""
    best_s = dict.fromkeys(encoders, float("inf"))
    crops = {name: _crops(encoder) for name, encoder in encoders.items()}
    for name, encoder in encoders.items():
        encoder.encode_images(crops[name])  # the first one is slower
    rounds, end_s = 0, time.perf_counter() + seconds
    while rounds < FEWEST_ROUNDS or time.perf_counter() < end_s:
        rounds += 1
        for name, encoder in encoders.items():
            began_s = time.process_time()  # of all threads
            encoder.encode_images(crops[name])
            best_s[name] = min(best_s[name], time.process_time() - began_s)
    return {name: round(1000 * best / BATCH, 2) for name, best in best_s.items()}


def why_not(cpu_ms: Mapping[str, float]) -> str:
    """Why torch serves instead; "" where onnxruntime does.

    >>> why_not({"torch": 60.0, "onnxruntime": 66.0})
    ''
    >>> why_not({"torch": 60.0, "onnxruntime": 67.0})
    'torch is faster here: 60 ms of processor time an image, onnxruntime 67'
    """
    ours, torch_ms = cpu_ms[Engine.ONNXRUNTIME], cpu_ms[Engine.TORCH]
    if ours <= torch_ms * MOST_OF_TORCH:
        return ""
    return (
        f"torch is faster here: {torch_ms:.0f} ms of processor time an image, onnxruntime"
        f" {ours:.0f}"
    )


def _crops(encoder: Encoder) -> list[Image.Image]:
    pictures = check.images(encoder.image_size)
    squares = [encoder.preprocessing.crop(picture) for picture in pictures]
    return [squares[number % len(squares)] for number in range(BATCH)]
