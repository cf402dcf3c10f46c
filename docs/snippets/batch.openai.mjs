import OpenAI, { toFile } from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
const lines = ["a photo of a cat", "a photo of a dog"].map((text, number) => ({
  custom_id: `photo-${number}`,
  method: "POST",
  url: "/v1/embeddings",
  body: { model: "openai/clip-vit-base-patch32", input: text },
}));
const content = lines.map((line) => JSON.stringify(line)).join("\n");
const file = await client.files.create({
  file: await toFile(Buffer.from(content), "lines.jsonl"),
  purpose: "batch",
});
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/embeddings",
  completion_window: "24h",
});
while (["validating", "in_progress", "finalizing"].includes(batch.status)) {
  await new Promise((wake) => setTimeout(wake, 2000));
  batch = await client.batches.retrieve(batch.id);
}

console.log(batch.status, batch.request_counts);
if (batch.output_file_id) {
  const output = await client.files.content(batch.output_file_id);
  for (const text of (await output.text()).trim().split("\n")) {
    const answer = JSON.parse(text);
    console.log(answer.custom_id, answer.response.body.usage.cost_usd);
  }
}
if (batch.error_file_id) {
  console.log(await (await client.files.content(batch.error_file_id)).text());
}
