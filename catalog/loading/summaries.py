"""A generated summary: one sentence from a card's figures, until somebody writes a better one."""

from catalog.loading.documents import Document


def with_summary(document: Document) -> Document:
    return document | {"summary": summary_of(document), "summary_is_generated": True}


def summary_of(document: Document) -> str:
    """One sentence from the figures alone.

    >>> runtime = {"open_clip_model": "ViT-B-32"}
    >>> facts = {"parameters": {"value": 151_280_000}, "image_size": {"value": 224},
    ...          "imagenet_top1": {"value": 66.62}}
    >>> summary_of({"family": "LAION CLIP", "runtime": runtime, "facts": facts})
    'LAION CLIP model of architecture ViT-B-32 with 151M parameters at 224 px; 66.6 % zero-shot on \
ImageNet.'
    """
    facts = {name: fact["value"] for name, fact in document["facts"].items()}
    sentence = f"{document.get('family') or 'CLIP'} model of architecture"
    sentence += f" {document['runtime']['open_clip_model']}"
    if "parameters" in facts:
        sentence += f" with {facts['parameters'] / 1e6:,.0f}M parameters"
    if "image_size" in facts:
        sentence += f" at {facts['image_size']} px"
    if "imagenet_top1" in facts:
        sentence += f"; {facts['imagenet_top1']:.1f} % zero-shot on ImageNet"
    return f"{sentence}."
