"""Tiny random models, written to disk; one CLIP in both formats with the same weights."""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

SIZE = 32
PATCH = 8
WIDTH = 64
LAYERS = 2
EMBED_DIM = 48
HEADS = 2
VOCABULARY = 49408
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


def write_transformers(folder: Path, *, eos_token_id: int = 49407) -> CLIPModel:
    folder.mkdir(parents=True)
    model = random_clip(eos_token_id=eos_token_id)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": SIZE,
            "size": SIZE,
            "resample": 3,
            "image_mean": MEAN,
            "image_std": STD,
            "do_center_crop": True,
        },
    )
    return model


def write_open_clip(
    folder: Path, model: CLIPModel, *, weights: str = "open_clip_model.safetensors"
) -> None:
    folder.mkdir(parents=True)
    save_file(open_clip_state(model), folder / weights)
    tower = {"layers": LAYERS, "width": WIDTH}
    write_json(
        folder / "open_clip_config.json",
        {
            "model_cfg": {
                "embed_dim": EMBED_DIM,
                "quick_gelu": True,
                "vision_cfg": tower
                | {"image_size": SIZE, "patch_size": PATCH, "head_width": WIDTH // HEADS},
                "text_cfg": tower
                | {"context_length": 77, "vocab_size": VOCABULARY, "heads": HEADS},
            },
            "preprocess_cfg": {"mean": MEAN, "std": STD},
        },
    )


def write_architecture(folder: Path, config: dict[str, Any]) -> Path:
    """A random model of one of open_clip's architectures, as open_clip saves one."""
    folder.mkdir(exist_ok=True)
    architecture = {"embed_dim": EMBED_DIM} | config
    is_siglip = "init_logit_bias" in architecture
    preprocess = {"resize_mode": "squash", "mean": [0.5] * 3, "std": [0.5] * 3} if is_siglip else {}
    write_json(
        folder / "open_clip_config.json", {"model_cfg": architecture, "preprocess_cfg": preprocess}
    )
    torch.manual_seed(11)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    state = {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


def random_clip(*, eos_token_id: int) -> CLIPModel:
    tower = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "projection_dim": EMBED_DIM,
    }
    config = CLIPConfig(
        text_config=tower | {"eos_token_id": eos_token_id},
        vision_config=tower | {"image_size": SIZE, "patch_size": PATCH},
        projection_dim=EMBED_DIM,
    )
    torch.manual_seed(7)
    model = CLIPModel(config)
    # The usual initialisation is so small that all inputs come out alike.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "logit_scale":
                parameter.add_(torch.randn_like(parameter) * 0.15)
    return model


def open_clip_state(model: CLIPModel) -> dict[str, torch.Tensor]:
    """The weights under open_clip's names."""
    old = model.state_dict()
    new = {
        "logit_scale": old["logit_scale"],
        "text_projection": old["text_projection.weight"].T,
        "token_embedding.weight": old["text_model.embeddings.token_embedding.weight"],
        "positional_embedding": old["text_model.embeddings.position_embedding.weight"],
        "visual.proj": old["visual_projection.weight"].T,
        "visual.class_embedding": old["vision_model.embeddings.class_embedding"],
        "visual.conv1.weight": old["vision_model.embeddings.patch_embedding.weight"],
        "visual.positional_embedding": old["vision_model.embeddings.position_embedding.weight"],
        **_renamed(old, "text_model.final_layer_norm", "ln_final"),
        **_renamed(old, "vision_model.pre_layrnorm", "visual.ln_pre"),
        **_renamed(old, "vision_model.post_layernorm", "visual.ln_post"),
    }
    for layer in range(LAYERS):
        new |= _block(old, f"text_model.encoder.layers.{layer}", f"transformer.resblocks.{layer}")
        new |= _block(
            old, f"vision_model.encoder.layers.{layer}", f"visual.transformer.resblocks.{layer}"
        )
    return {name: tensor.clone().contiguous() for name, tensor in new.items()}


def _block(old: dict[str, torch.Tensor], source: str, target: str) -> dict[str, torch.Tensor]:
    joined = {
        f"{target}.attn.in_proj_{kind}": torch.cat(
            [old[f"{source}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
        )
        for kind in ("weight", "bias")
    }
    return {
        **joined,
        **_renamed(old, f"{source}.self_attn.out_proj", f"{target}.attn.out_proj"),
        **_renamed(old, f"{source}.layer_norm1", f"{target}.ln_1"),
        **_renamed(old, f"{source}.layer_norm2", f"{target}.ln_2"),
        **_renamed(old, f"{source}.mlp.fc1", f"{target}.mlp.c_fc"),
        **_renamed(old, f"{source}.mlp.fc2", f"{target}.mlp.c_proj"),
    }


def _renamed(old: dict[str, torch.Tensor], source: str, target: str) -> dict[str, torch.Tensor]:
    return {f"{target}.{kind}": old[f"{source}.{kind}"] for kind in ("weight", "bias")}


def write_tokenizer(folder: Path) -> None:
    """The vocabulary that open_clip ships, in transformers' files."""
    original = SimpleTokenizer()
    # open_clip and transformers spell the two special tokens differently.
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(name, name): token for name, token in original.encoder.items()}
    write_json(folder / "vocab.json", vocabulary)
    merges = sorted(original.bpe_ranks, key=original.bpe_ranks.__getitem__)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines))
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
    }
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer"} | special)


def write_byte_tokenizer(folder: Path) -> None:
    """A token for each byte, with the ids of XLM-V: <s> 0, <pad> 1, </s> 2, and bytes above."""
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    symbols = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(BPE({symbol: id_ for id_, symbol in enumerate(symbols)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast: Any = PreTrainedTokenizerFast  # untyped
    fast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    ).save_pretrained(folder)


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))
