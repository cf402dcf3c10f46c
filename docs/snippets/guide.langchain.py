import os

from langchain_openai import OpenAIEmbeddings

embeddings = OpenAIEmbeddings(
    model="openai/clip-vit-base-patch32",
    base_url="http://127.0.0.1:8000/v1",
    api_key=os.environ["GIGAROUTER_API_KEY"],
    check_embedding_ctx_length=False,  # send texts, not OpenAI's tokens of them
)

vectors = embeddings.embed_documents(["a photo of a cat", "a photo of a dog"])
print(len(vectors), len(vectors[0]))
