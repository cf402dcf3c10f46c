import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
const photo = await readFile("photo.jpg", "base64");

const answer = await client.embeddings.create({
  model: "openai/clip-vit-base-patch32",
  input: [{ image: photo }, { text: "a photo of a cat" }],
});
const [picture, text] = answer.data.map((each) => each.embedding);
console.log(picture.reduce((sum, value, i) => sum + value * text[i], 0)); // the similarity
