import os
import time

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"])
job = client.post(
    "/embeddings",
    cast_to=object,
    body={"model": "openai/clip-vit-base-patch32", "input": "a photo of a cat"},
    options={"headers": {"Prefer": "respond-async"}},
)
while job["status"] in {"queued", "warming", "running"}:
    time.sleep(1)
    job = client.get(f"/jobs/{job['id']}", cast_to=object)

if job["status"] == "succeeded":
    print(job["cost"], job["result"]["usage"])
else:
    print(job["status"], job["error"])
