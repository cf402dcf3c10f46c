// node run.mjs FILE CASE: runs one case of a file and prints what it returns, as JSON.
// Attempts and the pauses between them are counted; a pause of the client's takes no time.
import { pathToFileURL } from "node:url";

const pauses = [];
const wait = globalThis.setTimeout;
globalThis.setTimeout = (wake, ms, ...rest) => {
  // A pause wakes a promise, by a function of the engine's own; the others are deadlines.
  if (ms < 100 || String(wake) !== "function () { [native code] }") return wait(wake, ms, ...rest);
  pauses.push(ms / 1000);
  return wait(wake, 0, ...rest);
};

const statuses = [];
const ask = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const response = await ask(...request);
  statuses.push(response.status);
  return response;
};

function described(error) {
  const { status, code, type, param, message, requestID } = error;
  const kind = error.constructor.name;
  return { kind, status, code, type, param, message, requestID };
}

const [file, name] = process.argv.slice(2);
const { default: cases } = await import(pathToFileURL(file));
try {
  console.log(JSON.stringify({ value: await cases[name](), statuses, pauses }));
} catch (error) {
  console.log(JSON.stringify({ error: described(error), statuses, pauses }));
}
