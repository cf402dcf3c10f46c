import { readdir, readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
const photos = (await readdir(".")).filter((name) => name.endsWith(".jpg")).sort();

const answer = await client.post("/rank", {
  body: {
    model: "openai/clip-vit-base-patch32",
    query: "a sleeping cat",
    documents: await Promise.all(
      photos.map(async (name) => ({ image: await readFile(name, "base64") })),
    ),
    top_n: 5,
  },
});
for (const { index, relevance_score } of answer.results) {
  console.log(photos[index], relevance_score);
}
