"""The bare torch loop, in a process of its own: what the hardware can do at most.

    python -m bench.engine.bare_loop FOLDER

For each line `pictures seconds` on its input it runs the image tower on that many preprocessed
squares again and again, and prints a line of JSON: images_per_s, and the median pass in ms. Float32
and SDPA, as our encoder computes; all cores, or the device that DEVICE names (there in the dtype
that a worker takes). How idle OpenMP threads wait is the starter's choice
(OMP_WAIT_POLICY): on a quiet machine spinning is best, beside other work sleeping is.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

from inference.runtime import devices, torchvision_operators

FEWEST = 3


def main(folder: Path) -> None:
    torchvision_operators.declare()
    import torch
    from transformers import CLIPModel

    device = os.environ.get("DEVICE") or "cpu"
    dtype = devices.dtype_on(device, "auto")
    model = CLIPModel.from_pretrained(folder, attn_implementation="sdpa", dtype=dtype)
    model.train(mode=False).to(device)
    for line in sys.stdin:
        pictures, seconds = line.split()
        pixels = torch.randn(int(pictures), 3, 224, 224, dtype=dtype, device=device)
        passes: list[float] = []
        with torch.inference_mode():
            model.get_image_features(pixel_values=pixels)  # the first is slower
            end, cpu_before_s = time.perf_counter() + float(seconds), time.process_time()
            while (began := time.perf_counter()) < end or len(passes) < FEWEST:
                # What is asked of a GPU is computed when somebody looks at it.
                model.get_image_features(pixel_values=pixels).pooler_output[0, 0].item()
                passes.append(time.perf_counter() - began)
        cpu_ms = (time.process_time() - cpu_before_s) * 1000
        figures = {
            "images_per_s": len(passes) * int(pictures) / sum(passes),
            "p50_ms": statistics.median(passes) * 1000,
            "cpu_ms": cpu_ms / len(passes) / int(pictures),
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
