import os

import litellm

answer = litellm.embedding(
    model="openai/openai/clip-vit-base-patch32",  # the first openai/ names the protocol
    input=["a photo of a cat", "a photo of a dog"],
    api_base="http://127.0.0.1:8000/v1",
    api_key=os.environ["GIGAROUTER_API_KEY"],
)
print(len(answer.data), len(answer.data[0]["embedding"]))
