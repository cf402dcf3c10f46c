import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany } from "ai";

const gigarouter = createOpenAICompatible({
  name: "gigarouter",
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});

const { embeddings, usage } = await embedMany({
  model: gigarouter.embeddingModel("openai/clip-vit-base-patch32"),
  values: ["a photo of a cat", "a photo of a dog"],
});
console.log(embeddings.length, embeddings[0].length, usage.tokens);
