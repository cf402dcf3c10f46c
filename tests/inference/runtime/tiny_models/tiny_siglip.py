"""Tiny random SigLIP models as the published repositories hold them, each with its tokenizer."""

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import GemmaTokenizer, SiglipConfig, SiglipModel, SiglipTokenizer

from tests.inference.runtime.tiny_models.tiny import write_json

SIZE = 32
WIDTH = 64
VOCABULARY = 400
LENGTH = 64
SENTENCES = [
    "a cat sat on the mat and looked out of the window",
    "a photo of a dog that sleeps on the stairs of an old house by the sea",
    "two dogs and a cat play with a ball in the garden",
    "the quick brown fox jumps over the lazy dog",
    "a diagram of 3 by 4 boxes with words in each of them",
    "una taza de café sobre la mesa",
] * 5
TOWER = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
# As in google/siglip-base-patch16-224.
PREPROCESSOR: dict[str, Any] = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "processor_class": "SiglipProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"height": SIZE, "width": SIZE},
}
# As in google/siglip2-base-patch16-224.
PREPROCESSOR_2 = PREPROCESSOR | {"do_convert_rgb": None, "resample": 2}


def write_siglip(folder: Path, **text: Any) -> SiglipModel:
    """`text` changes the text tower's configuration."""
    model = write_model(folder, **text)
    write_sentencepiece(folder)
    write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    return model


def write_siglip_2(folder: Path, **text: Any) -> SiglipModel:
    model = write_model(folder, **text)
    write_gemma(folder)
    write_json(folder / "preprocessor_config.json", PREPROCESSOR_2)
    return model


def write_model(folder: Path, **text: Any) -> SiglipModel:
    config = SiglipConfig(
        text_config=TOWER
        | {"vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, "projection_size": WIDTH}
        | text,
        vision_config=TOWER | {"image_size": SIZE, "patch_size": 8},
    )
    torch.manual_seed(7)
    model = SiglipModel(config)
    # The usual initialisation is so small that all inputs come out alike.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        # As in google/siglip-base-patch16-224.
        model.logit_scale.fill_(4.7659)
        model.logit_bias.fill_(-12.9277)
    model.save_pretrained(folder)
    return model


def write_sentencepiece(folder: Path, **options: Any) -> None:
    """What SiglipTokenizer writes: spiece.model, which pads with the end of a text."""
    path = folder / "spiece.model"
    path.write_bytes(_sentencepiece())
    siglip: Any = SiglipTokenizer  # untyped
    usual = {"model_max_length": LENGTH, "model_input_names": ["input_ids"]}
    siglip(str(path), **usual | options).save_pretrained(folder)


def write_gemma(folder: Path, **options: Any) -> None:
    """What GemmaTokenizer writes for SigLIP 2: no start, an end, and a padding of its own."""
    learned = json.loads(_gemma())["model"]
    gemma: Any = GemmaTokenizer  # untyped
    usual = {
        "add_bos_token": False,
        "add_eos_token": True,
        "padding_side": "right",
        "model_input_names": ["input_ids"],
    }
    merges = [tuple(merge) for merge in learned["merges"]]
    gemma(vocab=learned["vocab"], merges=merges, **usual | options).save_pretrained(folder)


@cache
def _sentencepiece() -> bytes:
    # A vocabulary like T5's: </s> is 1, <unk> 2, and no start of a text.
    file = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=file,
        vocab_size=120,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return file.getvalue()


@cache
def _gemma() -> str:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=380, special_tokens=special + letters)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return str(tokenizer.to_str())
