"""onnxruntime's sessions: their threads, their memory, and their errors by our name."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.runtime.cpu import lanes
from inference.runtime.encoder import Embeddings

# As fast as eight (lanes.MAX_PASS), with half of the memory for what is computed in between.
MAX_PASS = 4

Array = NDArray[Any]  # uint8 or int64


class Session:
    """One tower. Several threads may run it at once.

    Its threads sleep while they wait: spinning ones lose their core to every other process
    (cpu.threads).
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        """Raises RuntimeError for a file that onnxruntime cannot use."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Weights do not go through the arena, which holds on to what was freed while they are laid
        # out. Activations do: malloc keeps more of them (700 MB without it, 580 with it).
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        self._threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise _named(error) from error
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Array) -> Embeddings:
        """[n, ...] to float32 [n, dim]; raises RuntimeError, as torch would."""
        try:
            [rows] = self._session.run(None, {self._input: batch})
        except Exception as error:
            raise _named(error) from error
        return np.asarray(rows, dtype=np.float32)

    def run_in_lanes(self, batch: Array) -> Embeddings:
        """As `run`, in several passes side by side (cpu.lanes)."""
        if len(batch) < 2 * lanes.MIN_PASS:
            return self.run(batch)
        count = min(self._threads, len(batch) // lanes.MIN_PASS)
        parts = lanes.parts_of(list(batch), count, most=MAX_PASS)
        return np.concatenate(list(lanes.pool(self._threads).map(self.run, parts)))


def _named(error: Exception) -> RuntimeError:
    """onnxruntime's own have no common base but Exception."""
    return RuntimeError(f"onnxruntime: {error}")
