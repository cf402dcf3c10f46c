import os

from huggingface_hub import InferenceClient

client = InferenceClient(token=os.environ["GIGAROUTER_API_KEY"])
scores = client.zero_shot_image_classification(
    "photo.jpg",
    ["a cat", "a dog"],
    hypothesis_template="a photo of {}",
    model="http://127.0.0.1:8000/hf-inference/models/openai/clip-vit-base-patch32",
)
for each in scores:
    print(each.label, each.score)
