"""Proves a tokenizer at load: its files may be missing, or another model's."""

from collections.abc import Collection, Sequence
from pathlib import Path

from inference.runtime.errors import WeightsUnusable

# Two are of one length, as an unknown token for each letter would tell the others apart. The last
# is longer than any tower reads: its end must survive being cut.
PROBES = ("a cat", "a dog", "una taza de café", "!", "two dogs, " * 300)

Ids = Sequence[Sequence[int]]


def check_ids(rows: Ids, folder: Path, *, vocabulary: int) -> None:
    """`rows` are the ids of PROBES. Raises WeightsUnusable if they cannot be the model's."""
    if len({tuple(row) for row in rows}) < len(rows):
        raise WeightsUnusable(
            f"the tokenizer in {folder} gives different texts the same ids: are its files complete?"
        )
    highest = max(max(row) for row in rows)
    if highest >= vocabulary:
        raise WeightsUnusable(
            f"the tokenizer in {folder} gives id {highest}, but the model knows {vocabulary} tokens"
        )


def check_ends(rows: Ids, folder: Path, *, ends: Collection[int]) -> None:
    """Raises WeightsUnusable if a row has none of the ids that may end a text."""
    if any(set(ends).isdisjoint(row) for row in rows):
        raise WeightsUnusable(
            f"the tokenizer in {folder} does not end texts with the id that the model reads them "
            f"at ({', '.join(map(str, ends))})"
        )
