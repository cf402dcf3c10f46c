import os

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
for model in client.models.list():
    print(model.id, model.gigarouter["pricing"])

model = client.models.retrieve("openai/clip-vit-base-patch32")
print(model.gigarouter["embedding_dim"])
