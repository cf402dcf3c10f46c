import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
let job = await client.post("/embeddings", {
  body: { model: "openai/clip-vit-base-patch32", input: "a photo of a cat" },
  headers: { Prefer: "respond-async" },
});
while (["queued", "warming", "running"].includes(job.status)) {
  await new Promise((wake) => setTimeout(wake, 1000));
  job = await client.get(`/jobs/${job.id}`);
}
console.log(job.status, job.cost, job.result?.usage ?? job.error);
