import { featureExtraction } from "@huggingface/inference";

const model = "http://127.0.0.1:8000/hf-inference/models/openai/clip-vit-base-patch32";
const [vector] = await featureExtraction({
  accessToken: process.env.GIGAROUTER_API_KEY,
  endpointUrl: `${model}/pipeline/feature-extraction`,
  inputs: "a photo of a cat",
});
console.log(vector.length);
