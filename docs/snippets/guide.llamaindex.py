import os

from llama_index.embeddings.openai_like import OpenAILikeEmbedding

embedding = OpenAILikeEmbedding(
    model_name="openai/clip-vit-base-patch32",
    api_base="http://127.0.0.1:8000/v1",
    api_key=os.environ["GIGAROUTER_API_KEY"],
)

vectors = embedding.get_text_embedding_batch(["a photo of a cat", "a photo of a dog"])
print(len(vectors), len(vectors[0]))
