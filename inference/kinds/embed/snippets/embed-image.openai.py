import base64
import os
from pathlib import Path

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
photo = base64.b64encode(Path("photo.jpg").read_bytes()).decode()

answer = client.embeddings.create(
    model="openai/clip-vit-base-patch32",
    input=[{"image": photo}, {"text": "a photo of a cat"}],
)
picture, text = (each.embedding for each in answer.data)
print(sum(a * b for a, b in zip(picture, text, strict=True)))  # the similarity: a cosine
