import os

from huggingface_hub import InferenceClient

client = InferenceClient(token=os.environ["GIGAROUTER_API_KEY"])
model = "http://127.0.0.1:8000/hf-inference/models/openai/clip-vit-base-patch32"
vectors = client.feature_extraction(
    "a photo of a cat",
    model=f"{model}/pipeline/feature-extraction",
)
print(vectors.shape)
