"""How texts reach a text tower of transformers: tokenizer, end of text, padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from inference.runtime import torchvision_operators
from inference.runtime.encoder import TokenCount
from inference.runtime.encoders import token_check
from inference.runtime.encoders.clip_tower import LIBRARY_ERRORS, TextTower
from inference.runtime.errors import WeightsUnusable
from inference.runtime.texts.hub_reader import token_count, whole_lengths
from inference.runtime.texts.simple_reader import SimpleReader

_TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
# From before mid-2023; transformers then reads a text at its highest id instead.
_LEGACY_EOS = 2


# Any: transformers' classes are typed too loosely to say more.
@dataclass(frozen=True)
class TextReader:
    """A tokenizer that fits its model: `end` is the id that each text ends with."""

    tokenizer: Any
    context_length: int
    end: int

    @property
    def max_tokens(self) -> int:
        # transformers' default is 1e30 where the files do not say.
        return min(self.context_length, int(self.tokenizer.model_max_length))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Without padding; each is cut at `max_tokens`, and still ends with `end`."""
        encoding = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)
        rows: list[list[int]] = encoding["input_ids"]
        return rows

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        lengths = whole_lengths(self.tokenizer, texts)
        return [token_count(length, self.max_tokens) for length in lengths]

    def library_ids(self, text: str) -> list[int]:
        """As the library reads this one text, by none of our ways."""
        return self.ids([text])[0]


@dataclass(frozen=True)
class OpenAiReader(TextReader):
    """OpenAI's own tokenizer, which its models were trained and published with (ADR 21).

    That of transformers leaves curly quotes, ligatures, wide letters and entities as they are.
    """

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self._reader.ids(texts)

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        return self._reader.counts(texts)

    def library_ids(self, text: str) -> list[int]:
        row: list[int] = self._original([text], self.context_length)[0].tolist()
        return row[: row.index(self.end) + 1]

    @cached_property
    def _original(self) -> Any:
        from open_clip import SimpleTokenizer

        return SimpleTokenizer()

    @cached_property
    def _reader(self) -> SimpleReader:
        return SimpleReader(self._original, context_length=self.context_length)


def read(folder: Path, config: Any, *, as_openai: bool = False) -> TextReader:
    """The tokenizer that the folder's own files describe, for the text tower of this config.

    `as_openai`: OpenAI's, if the files hold its vocabulary. Raises WeightsUnusable if files are
    missing, or do not fit the tower.
    """
    tokenizer = _read_tokenizer(folder)
    is_legacy = config.eos_token_id == _LEGACY_EOS
    end = tokenizer.eos_token_id if is_legacy else config.eos_token_id
    reader_class = OpenAiReader if as_openai else TextReader
    reader = reader_class(tokenizer, config.max_position_embeddings, end)
    if isinstance(reader, OpenAiReader):
        _check_vocabulary(reader, folder)
    rows = reader.ids(token_check.PROBES)
    token_check.check_ids(rows, folder, vocabulary=config.vocab_size)
    token_check.check_ends([row[-1:] for row in rows], folder, ends=[end])
    return reader


def tower(model: Any, reader: TextReader, *, device: str, is_cut: bool) -> TextTower:
    """n texts to [n, dim]; `is_cut`: padded to the longest text only."""
    import torch

    def run(texts: Sequence[str]) -> Any:
        # No attention mask goes along: the tower is causal and is read at the first end-of-text
        # token (a legacy config: at the highest id), so what follows it changes nothing. Padded
        # with that token, whatever the tokenizer would pad with: no later position can be taken
        # for the end.
        rows = reader.ids(texts)
        length = max(len(row) for row in rows) if is_cut else reader.context_length
        padded = [row + [reader.end] * (length - len(row)) for row in rows]
        ids = torch.tensor(padded, device=device)
        return model.get_text_features(input_ids=ids).pooler_output

    return run


def _check_vocabulary(reader: OpenAiReader, folder: Path) -> None:
    # The two special tokens, at the end, are spelled differently.
    vocabulary = reader.tokenizer.get_vocab()
    expected = reader._original.encoder
    differs = {token for token, id_ in expected.items() if vocabulary.get(token) != id_}
    if differs - {"<start_of_text>", "<end_of_text>"}:
        raise WeightsUnusable(f"the tokenizer in {folder} does not have OpenAI's vocabulary")


def _read_tokenizer(folder: Path) -> Any:
    if not any(all((folder / name).is_file() for name in names) for names in _TOKENIZER_FILES):
        raise WeightsUnusable(
            f"{folder} holds no tokenizer: tokenizer.json, or vocab.json and merges.txt"
        )
    torchvision_operators.declare()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except LIBRARY_ERRORS as error:
        raise WeightsUnusable(f"the tokenizer in {folder} cannot be used: {error}") from error
