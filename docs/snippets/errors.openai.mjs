import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8000/v1",
  apiKey: process.env.GIGAROUTER_API_KEY,
});
try {
  await client.embeddings.create({ model: "a/model-we-do-not-have", input: "a photo of a cat" });
} catch (error) {
  if (error instanceof OpenAI.NotFoundError) {
    console.log(error.code, error.message, error.requestID);
  } else if (error.status === 402) {
    console.log("no credit left:", error.message);
  } else {
    throw error;
  }
}
