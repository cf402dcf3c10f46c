import { readFile } from "node:fs/promises";
import { zeroShotImageClassification } from "@huggingface/inference";

const scores = await zeroShotImageClassification({
  accessToken: process.env.GIGAROUTER_API_KEY,
  endpointUrl: "http://127.0.0.1:8000/hf-inference/models/openai/clip-vit-base-patch32",
  inputs: { image: new Blob([await readFile("photo.jpg")]) },
  parameters: {
    candidate_labels: ["a cat", "a dog"],
    hypothesis_template: "a photo of {}",
  },
});
for (const { label, score } of scores) {
  console.log(label, score);
}
