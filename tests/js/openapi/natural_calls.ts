// What people write first, against the types that openapi-typescript makes of our document. It is
// compiled, not run: an option that becomes a duty, or a shape that loses its fields, fails here.
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./schema";

const client = createClient<paths>({
  baseUrl: "https://example.com",
  headers: { Authorization: "Bearer gr_live_..." },
});
const model = "gigarouter/conse-demo";
const photo = "data:image/png;base64,iVBORw0KGgo=";

export async function models(): Promise<string[]> {
  const { data, error } = await client.GET("/v1/models");
  if (error) throw new Error(error.error.message);
  await client.GET("/v1/models", { params: { query: { status: "all" } } });
  const one = await client.GET("/v1/models/{model}", { params: { path: { model } } });
  const size: number | null | undefined = one.data?.gigarouter.embedding_dim;
  return data.data.map((item) => `${item.id} ${size ?? "?"}`);
}

export async function embedTexts(): Promise<number> {
  await client.POST("/v1/embeddings", { body: { model, input: "a photo of a cat" } });
  await client.POST("/v1/embeddings", { body: { model, input: [[9064, 2415], [64]] } });
  const { data, error, response } = await client.POST("/v1/embeddings", {
    body: { model, input: ["a cat", "a dog"], encoding_format: "float", dimensions: 384 },
  });
  if (error) throw new Error(`${error.error.code} ${response.headers.get("x-request-id")}`);
  if (data.object !== "list") return 0; // a job, only if `Prefer` asks for one
  const vector: number[] | string = data.data[0].embedding;
  return vector.length + data.usage.cost + data.usage.prompt_tokens;
}

export async function embedPictures(): Promise<void> {
  await client.POST("/v1/embeddings", { body: { model, input: { image: photo } } });
  await client.POST("/v1/embeddings", {
    body: {
      model,
      input: ["a cat", { image: photo }, { type: "image_url", image_url: { url: photo } }],
      on_error: "skip",
    },
  });
  await client.POST("/v1/embeddings", {
    body: { model, input: [{ content: [{ type: "image_url", image_url: { url: photo } }] }] },
  });
  await client.POST("/v1/embeddings", {
    body: {
      model,
      messages: [
        { role: "user", content: [{ type: "image_url", image_url: { url: photo } }] },
      ],
    },
  });
}

export async function classify(): Promise<string> {
  const { data } = await client.POST("/v1/classify", {
    body: { model, input: [{ image: photo }], labels: ["a cat", "a dog"] },
  });
  await client.POST("/v1/classify", {
    body: {
      model,
      input: photo,
      candidate_labels: "a cat, a dog",
      hypothesis_template: "a photo of {}",
      activation: "softmax",
      top_k: 1,
    },
  });
  const best = data?.object === "list" ? data.data[0].predictions[0] : undefined;
  return best ? `${best.label} ${best.score.toFixed(3)}` : "";
}

export async function rank(): Promise<number[]> {
  const { data } = await client.POST("/v1/rank", {
    body: { model, query: "an orange square", documents: ["a cat", { image: photo }], top_n: 1 },
  });
  await client.POST("/v2/rerank", { body: { model, query: "a cat", documents: ["a", "b"] } });
  if (data?.object !== "list") return [];
  return data.results.map((result) => result.relevance_score);
}

type Job = components["schemas"]["JobObject"];

export async function jobs(): Promise<string | undefined> {
  const { data } = await client.POST("/v1/classify", {
    params: { header: { Prefer: "respond-async", "Idempotency-Key": "one" } },
    body: { model, input: photo, labels: ["a cat"] },
  });
  if (data?.object !== "job") return undefined;
  let job: Job | undefined = data;
  const path = { job_id: job.id };
  job = (await client.GET("/v1/jobs/{job_id}", { params: { path } })).data;
  await client.POST("/v1/jobs/{job_id}/cancel", { params: { path } });
  await client.DELETE("/v1/jobs/{job_id}", { params: { path } });
  const list = await client.GET("/v1/jobs", { params: { query: { limit: 5, status: "succeeded" } } });
  return list.data?.data[0]?.error?.message ?? job?.error?.message;
}

export async function batches(lines: Blob): Promise<number> {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", lines, "requests.jsonl");
  const file = await client.POST("/v1/files", {
    // The generator's type of a file is a string; the form is what is sent.
    body: { purpose: "batch", file: "requests.jsonl" },
    bodySerializer: () => form,
  });
  const batch = await client.POST("/v1/batches", {
    body: {
      input_file_id: file.data?.id ?? "",
      endpoint: "/v1/embeddings",
      completion_window: "24h",
      metadata: { run: "november" },
    },
  });
  const path = { batch_id: batch.data?.id ?? "" };
  const { data } = await client.GET("/v1/batches/{batch_id}", { params: { path } });
  await client.POST("/v1/batches/{batch_id}/cancel", { params: { path } });
  await client.GET("/v1/batches");
  const output = await client.GET("/v1/files/{file_id}/content", {
    params: { path: { file_id: data?.output_file_id ?? "" } },
    parseAs: "text",
  });
  const text: string | undefined = output.data;
  await client.GET("/v1/files", { params: { query: { purpose: "batch_output" } } });
  return (text?.length ?? 0) + (data?.request_counts.completed ?? 0);
}

export async function account(): Promise<string | undefined> {
  return (await client.GET("/v1/account")).data?.available;
}

type EventBody =
  webhooks["job.succeeded"]["post"]["requestBody"]["content"]["application/json"];

export function received(event: EventBody): string {
  return `${event.type} ${event.data.id} ${event.data.status} ${event.data.error_code ?? ""}`;
}
