import base64
import os
from pathlib import Path

import cohere

client = cohere.ClientV2(base_url="http://127.0.0.1:8000", api_key=os.environ["GIGAROUTER_API_KEY"])
photos = sorted(Path().glob("*.jpg"))


def data_url(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


answer = client.rerank(
    model="openai/clip-vit-base-patch32",
    query="a sleeping cat",
    documents=[data_url(photo) for photo in photos],
    top_n=5,
)
for result in answer.results:
    print(photos[result.index], result.relevance_score)
