"""How texts reach a text tower of transformers, and CLIP's: tokenizer, end of text, padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from inference.runtime import torchvision_operators
from inference.runtime.encoder import TokenCount
from inference.runtime.encoders import token_check
from inference.runtime.encoders.clip_tower import LIBRARY_ERRORS, TextTower
from inference.runtime.errors import WeightsUnusable
from inference.runtime.texts.hub_reader import token_count, whole_lengths
from inference.runtime.texts.simple_reader import SimpleReader

Inputs = dict[str, Any]  # tensors, by the names of a tower's parameters

TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
# From before mid-2023; transformers then reads a text at its highest id instead.
_LEGACY_EOS = 2


# Any, here and below: transformers' classes are typed too loosely to say more.
class TextReader(Protocol):
    def tower(self, model: Any, *, device: str, is_cut: bool) -> TextTower:
        """n texts to [n, dim]; `is_cut`: without padding where the tower does not see it."""
        ...

    def plain_inputs(self, text: str) -> Inputs:
        """What the library's own documentation gives to the tower for one text."""
        ...

    def counts(self, texts: Sequence[str]) -> list[TokenCount]: ...


@dataclass(frozen=True)
class ClipTexts:
    """`end` is the id that each text ends with."""

    tokenizer: Any
    context_length: int
    end: int

    @staticmethod
    def is_read_at_highest(config: Any) -> bool:
        """Whether the tower of this config reads a text at its highest id, not at its end."""
        return bool(config.eos_token_id == _LEGACY_EOS)

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

    def tower(self, model: Any, *, device: str, is_cut: bool) -> TextTower:
        import torch

        def run(texts: Sequence[str]) -> Any:
            # No attention mask goes along: the tower is causal and is read at the first end-of-text
            # token (a legacy config: at the highest id), so what follows it changes nothing. Padded
            # with that token, whatever the tokenizer would pad with: no later position can be taken
            # for the end.
            rows = self.ids(texts)
            length = max(len(row) for row in rows) if is_cut else self.context_length
            padded = [row + [self.end] * (length - len(row)) for row in rows]
            ids = torch.tensor(padded, device=device)
            return model.get_text_features(input_ids=ids).pooler_output

        return run

    def plain_inputs(self, text: str) -> Inputs:
        tokens = self.tokenizer(
            [text], truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        return {name: tokens[name] for name in ("input_ids", "attention_mask")}


@dataclass(frozen=True)
class OpenAiTexts(ClipTexts):
    """OpenAI's own tokenizer, which its models were trained and published with (ADR 23).

    That of transformers leaves curly quotes, ligatures, wide letters and entities as they are.
    """

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self._reader.ids(texts)

    def counts(self, texts: Sequence[str]) -> list[TokenCount]:
        return self._reader.counts(texts)

    def plain_inputs(self, text: str) -> Inputs:
        import torch

        row: list[int] = self.original([text], self.context_length)[0].tolist()
        ids = torch.tensor([row[: row.index(self.end) + 1]])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    @cached_property
    def original(self) -> Any:
        from open_clip import SimpleTokenizer

        return SimpleTokenizer()

    @cached_property
    def _reader(self) -> SimpleReader:
        return SimpleReader.of(self.original, context_length=self.context_length)


AnyClipTexts = TypeVar("AnyClipTexts", bound=ClipTexts)


def read(folder: Path, config: Any) -> ClipTexts:
    """The tokenizer that the folder's own files describe, for the text tower of this config.

    Raises WeightsUnusable if files are missing, or do not fit the tower.
    """
    return _checked(ClipTexts(*_parts(folder, config)), folder, config)


def read_openai(folder: Path, config: Any) -> OpenAiTexts:
    """OpenAI's tokenizer, for a folder whose files hold its vocabulary; raises as `read`."""
    reader = OpenAiTexts(*_parts(folder, config))
    _check_vocabulary(reader, folder)
    return _checked(reader, folder, config)


def _parts(folder: Path, config: Any) -> tuple[Any, int, int]:
    """Tokenizer, context length and the id that ends a text."""
    tokenizer = read_tokenizer(folder, TOKENIZER_FILES)
    is_legacy = ClipTexts.is_read_at_highest(config)
    end = tokenizer.eos_token_id if is_legacy else config.eos_token_id
    return tokenizer, config.max_position_embeddings, end


def _checked(reader: AnyClipTexts, folder: Path, config: Any) -> AnyClipTexts:
    rows = reader.ids(token_check.PROBES)
    token_check.check_ids(rows, folder, vocabulary=config.vocab_size)
    token_check.check_ends([row[-1:] for row in rows], folder, ends=[reader.end])
    return reader


def _check_vocabulary(reader: OpenAiTexts, folder: Path) -> None:
    # The two special tokens, at the end, are spelled differently.
    vocabulary = reader.tokenizer.get_vocab()
    expected = reader.original.encoder
    differs = {token for token, id_ in expected.items() if vocabulary.get(token) != id_}
    if differs - {"<start_of_text>", "<end_of_text>"}:
        raise WeightsUnusable(f"the tokenizer in {folder} does not have OpenAI's vocabulary")


def read_tokenizer(folder: Path, choices: Sequence[tuple[str, ...]]) -> Any:
    """The library's tokenizer of this folder, which must hold all files of one of the choices."""
    if not any(all((folder / name).is_file() for name in names) for names in choices):
        wanted = ", or ".join(" and ".join(names) for names in choices)
        raise WeightsUnusable(f"{folder} holds no tokenizer: {wanted}")
    torchvision_operators.declare()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except LIBRARY_ERRORS as error:
        raise WeightsUnusable(f"the tokenizer in {folder} cannot be used: {error}") from error
