import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
const photo = await readFile("photo.jpg", "base64");

// not an OpenAI endpoint, so the client has no method for it
const answer = await client.post("/classify", {
  body: {
    model: "openai/clip-vit-base-patch32",
    input: [{ image: photo }],
    labels: ["a cat", "a dog"],
    hypothesis_templates: ["a photo of {}", "a drawing of {}"],
  },
});
for (const { label, score, similarity } of answer.data[0].predictions) {
  console.log(label, score, similarity);
}
