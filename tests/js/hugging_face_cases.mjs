// @huggingface/inference, as its users call it; asserted by the tests in Python.
import { featureExtraction, InferenceClient, zeroShotImageClassification } from "@huggingface/inference";

const { API, API_KEY, NAME, PHOTO } = process.env;
const address = `${API}/hf-inference/models/${NAME}`;
const photo = new Blob([Buffer.from(PHOTO, "base64")]);
const parameters = { candidate_labels: ["a cat", "a dog"] };

export default {
  zeroShot: () =>
    zeroShotImageClassification({
      accessToken: API_KEY,
      endpointUrl: address,
      inputs: { image: photo },
      parameters,
    }),
  zeroShotOfBlob: () =>
    new InferenceClient(API_KEY).zeroShotImageClassification({
      endpointUrl: address,
      inputs: photo,
      parameters,
    }),
  zeroShotByEndpoint: () =>
    new InferenceClient(API_KEY)
      .endpoint(address)
      .zeroShotImageClassification({ inputs: { image: photo }, parameters }),
  features: () =>
    featureExtraction({
      accessToken: API_KEY,
      endpointUrl: `${address}/pipeline/feature-extraction`,
      inputs: "a cat",
    }),
  featuresOfTwo: () =>
    featureExtraction({
      accessToken: API_KEY,
      endpointUrl: `${address}/pipeline/feature-extraction`,
      inputs: ["a cat", "a dog"],
    }),
};
