import os

from pydantic_ai import Embedder
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(
    base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"]
)
embedder = Embedder(OpenAIEmbeddingModel("openai/clip-vit-base-patch32", provider=provider))

result = embedder.embed_documents_sync(["a photo of a cat", "a photo of a dog"])
print(len(result.embeddings), len(result.embeddings[0]))
