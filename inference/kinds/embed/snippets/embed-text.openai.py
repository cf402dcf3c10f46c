import os

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
answer = client.embeddings.create(
    model="openai/clip-vit-base-patch32",
    input=["a photo of a cat", "a photo of a dog"],
)
for each in answer.data:
    print(each.index, len(each.embedding), each.embedding[:3])
print(answer.usage)
