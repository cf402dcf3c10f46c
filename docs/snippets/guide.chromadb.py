import chromadb
from chromadb.utils.embedding_functions import OpenAIEmbeddingFunction

embed = OpenAIEmbeddingFunction(
    model_name="openai/clip-vit-base-patch32",
    api_base="http://127.0.0.1:8000/v1",
    api_key_env_var="GIGAROUTER_API_KEY",
)
settings = chromadb.Settings(anonymized_telemetry=False)
captions = chromadb.EphemeralClient(settings).create_collection(
    "captions", embedding_function=embed, metadata={"hnsw:space": "cosine"}
)

captions.add(ids=["cat", "dog"], documents=["a photo of a cat", "a photo of a dog"])
print(captions.query(query_texts=["a photo of a cat"], n_results=1)["ids"])
