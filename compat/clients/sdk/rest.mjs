// The REST half of the published client, one call per line of standard input: {"call": ["auth", "login", "post"],
// "config": {…}}; one line of standard output for each: {"answer": …}, without one for an empty body, or {"refused": "…"}.
//
// The client is made for browsers, so what a browser has and Node has not stands here: cookies, of one origin, and a
// websocket, which is not opened. {"$bytes": "…", "name": "…"} in a configuration becomes a file with this text.
import { createInterface } from "node:readline";
import client from "openflighthub-api-client-sdk";

const [url, origin] = process.argv.slice(2);
const cookies = new Map();
const fetchOfNode = globalThis.fetch;

globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 0;
  addEventListener() {}
  close() {}
};

globalThis.fetch = async (request) => {
  if (cookies.size) request.headers.set("cookie", [...cookies].map((pair) => pair.join("=")).join("; "));
  if (origin) request.headers.set("origin", origin);
  const answer = await fetchOfNode(request);
  for (const line of answer.headers.getSetCookie()) {
    const [pair, ...attributes] = line.split(";");
    const [name, value] = pair.split("=");
    if (attributes.some((attribute) => attribute.trim() === "Max-Age=0")) cookies.delete(name);
    else cookies.set(name, value);
  }
  return answer;
};

const api = new client.OpenFlightHubApi({ restApiBaseUrl: `${url}/api`, liveWebsocketBaseUrl: "ws://unused" });

function files(value) {
  if (value === null || typeof value !== "object") return value;
  if ("$bytes" in value) return new File([value.$bytes], value.name);
  for (const key of Object.keys(value)) value[key] = files(value[key]);
  return value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { call, config } = JSON.parse(line);
  let told;
  try {
    const operation = call.reduce((part, name) => part[name], api.rest);
    told = { answer: await operation(files(config)) };
  } catch (error) {
    told = { refused: String(error) };
  }
  process.stdout.write(JSON.stringify(told) + "\n");
}
process.exit(0);
