import base64
import os
from pathlib import Path

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
photo = base64.b64encode(Path("photo.jpg").read_bytes()).decode()

answer = client.post(  # not an OpenAI endpoint, so the client has no method for it
    "/classify",
    cast_to=object,
    body={
        "model": "openai/clip-vit-base-patch32",
        "input": [{"image": photo}],
        "labels": ["a cat", "a dog"],
        "hypothesis_templates": ["a photo of {}", "a drawing of {}"],
    },
)
for each in answer["data"][0]["predictions"]:
    print(each["label"], each["score"], each["similarity"])
