// node batch.mjs FILE: has the lines of a file run as a batch, as a script does that somebody left
// alone for the night: whatever is away is waited for. Prints the batch and its answers, as JSON.
import { createReadStream } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import OpenAI from "openai";

const PATIENCE_MS = 120_000;
const ENDED = ["completed", "failed", "expired", "cancelled"];
const { API, API_KEY } = process.env;
const client = new OpenAI({ baseURL: `${API}/v1`, apiKey: API_KEY });

async function patiently(ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isAway =
        error instanceof OpenAI.APIConnectionError || error instanceof OpenAI.InternalServerError;
      if (!isAway || Date.now() > end) throw error;
      await pause(500);
    }
  }
}

const [path] = process.argv.slice(2);
const file = await patiently(() =>
  client.files.create({ file: createReadStream(path), purpose: "batch" }),
);
let batch = await patiently(() =>
  client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/embeddings",
    completion_window: "24h",
  }),
);
while (!ENDED.includes(batch.status)) {
  await pause(200);
  batch = await patiently(() => client.batches.retrieve(batch.id));
}
const answers = batch.output_file_id
  ? await patiently(async () => (await client.files.content(batch.output_file_id)).text())
  : "";
console.log(JSON.stringify({ status: batch.status, errors: batch.error_file_id, answers }));
