import os

import openai

client = openai.OpenAI(
    base_url="http://127.0.0.1:8000/v1", api_key=os.environ["GIGAROUTER_API_KEY"]
)
try:
    client.embeddings.create(model="a/model-we-do-not-have", input="a photo of a cat")
except openai.NotFoundError as error:
    print(error.code, error.message, error.request_id)
except openai.APIStatusError as error:
    if error.status_code == 402:
        print("no credit left:", error.message)
    else:
        raise
