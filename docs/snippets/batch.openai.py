import io
import json
import os
import time

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
lines = [
    {
        "custom_id": f"photo-{number}",
        "method": "POST",
        "url": "/v1/embeddings",
        "body": {"model": "openai/clip-vit-base-patch32", "input": text},
    }
    for number, text in enumerate(["a photo of a cat", "a photo of a dog"])
]
content = "\n".join(json.dumps(line) for line in lines)
file = client.files.create(file=("lines.jsonl", io.BytesIO(content.encode())), purpose="batch")
batch = client.batches.create(
    input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
)
while batch.status in {"validating", "in_progress", "finalizing"}:
    time.sleep(2)
    batch = client.batches.retrieve(batch.id)

print(batch.status, batch.request_counts)
if batch.output_file_id:
    for text in client.files.content(batch.output_file_id).text.splitlines():
        answer = json.loads(text)
        print(answer["custom_id"], answer["response"]["body"]["usage"]["cost_usd"])
if batch.error_file_id:
    print(client.files.content(batch.error_file_id).text)
