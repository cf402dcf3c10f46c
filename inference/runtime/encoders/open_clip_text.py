"""How open_clip's text towers are read, and which of them need no padding."""

from collections.abc import Collection, Sequence
from typing import Any

from inference.runtime.encoders.clip_tower import TextTower
from inference.runtime.texts.hub_reader import HubReader
from inference.runtime.texts.simple_reader import SimpleReader


# Any: open_clip ships no types.
def reader_of(tokenizer: Any) -> SimpleReader | HubReader:
    """Reads and counts texts as this tokenizer of open_clip does."""
    from open_clip import SimpleTokenizer

    is_simple = type(tokenizer) is SimpleTokenizer
    return SimpleReader.of(tokenizer) if is_simple else HubReader(tokenizer)


def tower(model: Any, reader: SimpleReader | HubReader, *, device: str, is_cut: bool) -> TextTower:
    """n texts to [n, dim]; `is_cut` where the tower does not see what follows a text's end."""
    encode = _encode_cut_texts if is_cut and reads_no_padding(model) else _encode_full_texts

    def run(texts: Sequence[str]) -> Any:
        return encode(model, reader(texts).to(device))

    return run


def ends_of_texts(model: Any, tokenizer: Any) -> Collection[int]:
    """Ids of which each text must have one; none where we cannot tell."""
    if _pool_type(model) == "eos":
        return [_end_id(model)]
    hub_tokenizer = getattr(tokenizer, "tokenizer", None)
    if hub_tokenizer is None or getattr(tokenizer, "strip_sep_token", False):
        return []  # open_clip's own ends all texts; the others lose their ends on purpose
    ids = (hub_tokenizer.eos_token_id, hub_tokenizer.sep_token_id)
    return [id_ for id_ in ids if id_ is not None]


def vocabulary(model: Any) -> int:
    size: int = getattr(model, "vocab_size", None) or model.text.vocab_size
    return size


def _encode_full_texts(model: Any, tokens: Any) -> Any:
    return model.encode_text(tokens)


def _encode_cut_texts(model: Any, tokens: Any) -> Any:
    """`model.encode_text` on texts cut behind the longest one's end."""
    return encode_prefixes(model, tokens[:, : int(_read_positions(model, tokens).max()) + 1])


def encode_prefixes(model: Any, tokens: Any) -> Any:
    """`model.encode_text` on tokens [n, length] of texts that end within `length`.

    Repeats its steps, as open_clip adds all 77 positions and the whole mask whatever the length.
    """
    from open_clip.transformer import text_global_pool

    dtype = model.transformer.get_cast_dtype()
    length = tokens.shape[1]
    states = model.token_embedding(tokens).to(dtype) + model.positional_embedding[:length].to(dtype)
    states = model.transformer(states, attn_mask=model.attn_mask[:length, :length])
    pooled = text_global_pool(
        model.ln_final(states), tokens, model.text_pool_type, eos_token_id=model.text_eos_id
    )
    return _projected(model.text_projection, pooled)


def read_rule(model: Any) -> str:
    """Where the tower reads its texts, as onnx_engine.manifest.Facts.cut has it."""
    is_highest = model.text_pool_type == "argmax"
    return "argmax" if is_highest else f"first:{model.text_eos_id}"


def _read_positions(model: Any, tokens: Any) -> Any:
    """[n]: where the tower reads each text. Nothing tells padding otherwise: 0 also means "!"."""
    if model.text_pool_type == "argmax":
        return tokens.argmax(dim=-1)
    # The first one; 0, as in text_global_pool, for a text that has none.
    return (tokens == model.text_eos_id).int().argmax(dim=-1)


def reads_no_padding(model: Any) -> bool:
    """Whether the text tower is CLIP's own: causal, and read at a token of the text.

    Other towers (SigLIP's, those of transformers) see the padding; those we do not know may.
    """
    import open_clip

    is_plain = type(model) is open_clip.CLIP
    return is_plain and model.text_pool_type in ("argmax", "eos") and _is_causal(model.attn_mask)


def _is_causal(mask: Any) -> bool:
    import torch

    return mask is not None and torch.equal(mask, torch.full_like(mask, -torch.inf).triu(1))


def _pool_type(model: Any) -> str | None:
    name: str | None = getattr(model, "text_pool_type", None)
    return name or getattr(getattr(model, "text", None), "pool_type", None)


def _end_id(model: Any) -> int:
    own: int | None = getattr(model, "text_eos_id", None)
    return model.text.eos_id if own is None else own


def _projected(projection: Any, pooled: Any) -> Any:
    if projection is None:
        return pooled
    return projection(pooled) if callable(projection) else pooled @ projection
