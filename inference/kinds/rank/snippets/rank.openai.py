import base64
import os
from pathlib import Path

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
photos = sorted(Path().glob("*.jpg"))

answer = client.post(
    "/rank",
    cast_to=object,
    body={
        "model": "openai/clip-vit-base-patch32",
        "query": "a sleeping cat",
        "documents": [{"image": base64.b64encode(photo.read_bytes()).decode()} for photo in photos],
        "top_n": 5,
    },
)
for result in answer["results"]:
    print(photos[result["index"]], result["relevance_score"])
