from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder
from haystack.utils import Secret

embedder = OpenAIDocumentEmbedder(
    model="openai/clip-vit-base-patch32",
    api_base_url="http://127.0.0.1:8000/v1",
    api_key=Secret.from_env_var("GIGAROUTER_API_KEY"),
    progress_bar=False,
)

documents = [Document(content="a photo of a cat"), Document(content="a photo of a dog")]
embedded = embedder.run(documents)["documents"]
print(len(embedded), len(embedded[0].embedding))
