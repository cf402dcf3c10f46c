import { OpenAIEmbeddings } from "@langchain/openai";

const embeddings = new OpenAIEmbeddings({
  model: "openai/clip-vit-base-patch32",
  apiKey: process.env.GIGAROUTER_API_KEY,
  configuration: { baseURL: "http://127.0.0.1:8000/v1" },
});

const vectors = await embeddings.embedDocuments(["a photo of a cat", "a photo of a dog"]);
console.log(vectors.length, vectors[0].length);
