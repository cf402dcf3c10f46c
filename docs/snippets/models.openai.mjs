import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
for await (const model of client.models.list()) {
  console.log(model.id, model.gigarouter.pricing);
}

const model = await client.models.retrieve("openai/clip-vit-base-patch32");
console.log(model.gigarouter.embedding_dim);
