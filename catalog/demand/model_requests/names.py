"""How people name a model on the Hugging Face hub: by its id, or by the address of its page."""

import re
from urllib.parse import unquote, urlsplit

from django.conf import settings

LONGEST = 200
REPO = re.compile(r"[a-z0-9][\w.-]*/[a-z0-9][\w.-]*", re.ASCII | re.IGNORECASE)
HUB_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
# What stands before owner/name in the address of something else than a model.
OTHER_KINDS = {"datasets", "spaces", "collections", "papers", "docs", "blog", "api", "models"}


class InvalidName(ValueError):
    """Not the name of a model on the hub; the message is a sentence for people."""


def parse_name(text: str) -> str:
    """`owner/name` from an id, or from the address of a page on the hub. Raises InvalidName.

    >>> parse_name(" https://huggingface.co/openai/clip-vit-base-patch32/tree/main?a#b ")
    'openai/clip-vit-base-patch32'
    >>> parse_name("hf-hub:timm/ViT-B-16-SigLIP")
    'timm/ViT-B-16-SigLIP'
    """
    text = re.sub(r"^(hf-hub:|hf://)", "", text.strip())
    parts = _path_on_hub(text) if _is_address(text) else text.strip("/").split("/")
    if parts[0].lower() in OTHER_KINDS:
        raise InvalidName("That is the address of something else than a model.")
    if not _is_address(text) and len(parts) != 2:
        raise InvalidName("Write the id as owner/name, or paste the address of the model's page.")
    name = "/".join(parts[:2])
    if not REPO.fullmatch(name) or len(name) > LONGEST:
        raise InvalidName("That is not how a model on the hub is named: owner/name.")
    return name


def _is_address(text: str) -> bool:
    host = text.partition("/")[0].lower()
    return "://" in text or host in HUB_HOSTS


def _path_on_hub(text: str) -> list[str]:
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host = address.hostname or ""
    except ValueError as error:
        raise InvalidName("That address makes no sense.") from error
    # The hub that this site is told to ask may be a mirror at another host.
    known_hosts = HUB_HOSTS | {urlsplit(settings.HF_ENDPOINT).hostname or ""} - {""}
    if address.scheme not in ("http", "https") or host.lower() not in known_hosts:
        raise InvalidName("Only models on the Hugging Face hub can be asked for.")
    return unquote(address.path).strip("/").split("/")
