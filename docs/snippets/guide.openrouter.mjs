import { readFile } from "node:fs/promises";
import { OpenRouter } from "@openrouter/sdk";

const client = new OpenRouter({
  serverURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
const photo = `data:image/jpeg;base64,${await readFile("photo.jpg", "base64")}`;

const answer = await client.embeddings.generate({
  requestBody: {
    model: "openai/clip-vit-base-patch32",
    input: [
      { content: [{ type: "image_url", imageUrl: { url: photo } }] },
      { content: [{ type: "text", text: "a photo of a cat" }] },
    ],
  },
});
console.log(answer.data.length, answer.data[0].embedding.length, answer.usage.cost);
