import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
const answer = await client.embeddings.create({
  model: "openai/clip-vit-base-patch32",
  input: ["a photo of a cat", "a photo of a dog"],
});
for (const { index, embedding } of answer.data) {
  console.log(index, embedding.length, embedding.slice(0, 3));
}
console.log(answer.usage);
