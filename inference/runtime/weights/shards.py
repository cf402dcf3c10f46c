"""Weights that transformers splits over several safetensors files, listed in an index."""

import json
import re
from pathlib import Path

from inference.runtime.errors import WeightsUnusable

INDEX = "model.safetensors.index.json"
# No path separator: an index comes from the hub, and must not name files outside its folder.
_SHARD_NAME = re.compile(r"[\w-][\w.-]*\.safetensors")


def names(index: Path) -> list[str]:
    """The files that the index lists, sorted; raises WeightsUnusable if it cannot be used."""
    try:
        shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        strange = [shard for shard in shards if not _SHARD_NAME.fullmatch(shard)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsUnusable(f"{index} is no index of safetensors files: {error!r}") from error
    if strange or not shards:
        raise WeightsUnusable(f"{index} lists no usable safetensors files, but {strange}")
    return shards
