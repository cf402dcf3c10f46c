import { readFile } from "node:fs/promises";
import deepinfra from "deepinfra";

const model = new deepinfra.ZeroShotImageClassification(
  "http://127.0.0.1:8000/v1/inference/openai/clip-vit-base-patch32",
  process.env.GIGAROUTER_API_KEY,
);
const image = `data:image/jpeg;base64,${await readFile("photo.jpg", "base64")}`;

const { results } = await model.generate({ image, candidate_labels: ["a cat", "a dog"] });
for (const { label, score } of results) console.log(label, score);
