"""A page for each framework that people reach models through; its code is run by the tests.

The text of each is in `templates/inference/docs/guides/`, the code in `docs/snippets`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from inference.docs.snippets import Client


@dataclass(frozen=True)
class Guide:
    """`install`: the command; `package`: its name in the table of compatibility."""

    slug: str
    title: str
    client: Client
    install: str
    package: str

    @property
    def address(self) -> str:
        return reverse("docs-guide", args=[self.slug])

    @property
    def template(self) -> str:
        return f"inference/docs/guides/{self.slug}.html"


GUIDES: Sequence[Guide] = [
    Guide(
        "langchain",
        "LangChain for Python",
        Client.LANGCHAIN_PY,
        "pip install langchain-openai",
        "langchain-openai",
    ),
    Guide(
        "langchain-js",
        "LangChain for JavaScript",
        Client.LANGCHAIN_JS,
        "npm install @langchain/openai @langchain/core",
        "@langchain/openai",
    ),
    Guide(
        "llama-index",
        "LlamaIndex",
        Client.LLAMA_INDEX,
        "pip install llama-index-embeddings-openai-like",
        "llama-index-embeddings-openai-like",
    ),
    Guide("haystack", "Haystack", Client.HAYSTACK, "pip install haystack-ai", "haystack-ai"),
    Guide("litellm", "LiteLLM", Client.LITELLM, "pip install litellm", "litellm"),
    Guide(
        "pydantic-ai",
        "Pydantic AI",
        Client.PYDANTIC_AI,
        "pip install 'pydantic-ai-slim[openai]'",
        "pydantic-ai-slim",
    ),
    Guide("chroma", "Chroma", Client.CHROMADB, "pip install chromadb openai", "chromadb"),
    Guide(
        "ai-sdk",
        "AI SDK (Vercel)",
        Client.VERCEL_AI,
        "npm install ai @ai-sdk/openai-compatible",
        "@ai-sdk/openai-compatible",
    ),
    Guide(
        "openrouter",
        "OpenRouter's SDK",
        Client.OPENROUTER,
        "npm install @openrouter/sdk",
        "@openrouter/sdk",
    ),
    Guide("deepinfra", "deepinfra", Client.DEEPINFRA, "npm install deepinfra", "deepinfra"),
]


def of(slug: str) -> Guide | None:
    return next((guide for guide in GUIDES if guide.slug == slug), None)
