// The openai package for JavaScript, as its users call it; asserted by the tests in Python.
import OpenAI from "openai";

const { API, API_KEY, MODEL, NAME, PHOTO } = process.env;
const client = new OpenAI({ baseURL: `${API}/v1`, apiKey: API_KEY });

async function finished(job) {
  while (["queued", "warming", "running"].includes(job.status)) {
    await new Promise((wake) => setTimeout(wake, 50));
    job = await client.get(`/jobs/${job.id}`);
  }
  return job;
}

function makeJob() {
  return client.post("/embeddings", {
    body: { model: MODEL, input: "a cat" },
    headers: { Prefer: "respond-async" },
  });
}

export default {
  async list() {
    const found = [];
    for await (const model of client.models.list()) found.push(model);
    return found;
  },
  retrieve: () => client.models.retrieve(NAME),
  embed: () => client.embeddings.create({ model: NAME, input: ["a cat", "a dog"] }),
  embedFloats: () =>
    client.embeddings.create({ model: MODEL, input: ["a cat", "a dog"], encoding_format: "float" }),
  embedPicture: () =>
    client.embeddings.create({ model: MODEL, input: [{ image: PHOTO }, { text: "a cat" }] }),
  embedNothing: () => client.embeddings.create({ model: MODEL, input: [] }),
  classify: () =>
    client.post("/classify", {
      body: { model: MODEL, input: [{ image: PHOTO }], labels: ["a cat", "a dog"] },
    }),
  job: async () => finished(await makeJob()),
  async cancel() {
    const job = await makeJob();
    return client.post(`/jobs/${job.id}/cancel`);
  },
};
