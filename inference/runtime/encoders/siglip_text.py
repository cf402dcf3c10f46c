"""How texts reach SigLIP's text tower: always padded to its full length.

The tower has no causal mask and is read at its last position, which the padding is: whatever
follows a text changes its vector. So the library's own padding is kept, token and side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.runtime.encoder import TokenCount
from inference.runtime.encoders import token_check
from inference.runtime.encoders.clip_tower import TextTower
from inference.runtime.encoders.transformers_text import Inputs, read_tokenizer
from inference.runtime.errors import WeightsUnusable
from inference.runtime.texts.hub_reader import token_count, whole_lengths

# SigLIP's is a SentencePiece model: its tokenizer lowers the case and drops punctuation first.
# SigLIP 2 has Gemma's.
TOKENIZER_FILES = (("spiece.model",), ("tokenizer.json",))


# Any: transformers' classes are typed too loosely to say more.
@dataclass(frozen=True)
class SiglipTexts:
    """`length` is how many tokens the tower reads, padding and the end of a text included."""

    tokenizer: Any
    length: int

    def tower(self, model: Any, *, device: str, is_cut: bool) -> TextTower:
        del is_cut  # the tower sees all padding

        def run(texts: Sequence[str]) -> Any:
            tokens = self._padded(texts)
            inputs = {name: tensor.to(device) for name, tensor in tokens.items()}
            return model.get_text_features(**inputs).pooler_output

        return run

    def plain_inputs(self, text: str) -> Inputs:
        return self._padded([text])

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        return [token_count(n, self.length) for n in whole_lengths(self.tokenizer, texts)]

    def _padded(self, texts: Sequence[str]) -> Inputs:
        tokens: Mapping[str, Any] = self.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
        )
        # SigLIP was trained without a mask, and its tokenizers are published as giving none; one
        # that does gives it to the tower, as in the library.
        names = ("input_ids", "attention_mask")
        return {name: tokens[name] for name in names if name in tokens}

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = self._padded(texts)["input_ids"].tolist()
        return rows

    def unpadded(self, texts: Sequence[str]) -> list[list[int]]:
        encoding = self.tokenizer(list(texts), truncation=True, max_length=self.length)
        rows: list[list[int]] = encoding["input_ids"]
        return rows


def read(folder: Path, config: Any) -> SiglipTexts:
    """The tokenizer that the folder's own files describe, for the text tower of this config.

    Raises WeightsUnusable if files are missing, or do not fit the tower.
    """
    tokenizer = read_tokenizer(folder, TOKENIZER_FILES)
    for name in ("pad_token", "eos_token"):
        if getattr(tokenizer, name) is None:
            raise WeightsUnusable(f"the tokenizer in {folder} has no {name}, which SigLIP needs")
    # transformers' default is 1e30 where the files do not say.
    length = min(config.max_position_embeddings, int(tokenizer.model_max_length))
    reader = SiglipTexts(tokenizer, length)
    token_check.check_ids(reader.ids(token_check.PROBES), folder, vocabulary=config.vocab_size)
    ends = [row[-1:] for row in reader.unpadded(token_check.PROBES)]
    token_check.check_ends(ends, folder, ends=[tokenizer.eos_token_id])
    return reader
