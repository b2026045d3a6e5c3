// Subscribes with the npm client `graphql-ws` and prints one JSON line per result.
//
//   node subscribe.mjs WS_URL TOKEN QUERY VARIABLES_JSON [COUNT]
//
// Ends with 0 after COUNT results (1 if left out), with 1 on an error, which it prints as {"error": …}.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, token, query, variables, count = "1"] = process.argv.slice(2);
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
});
console.log(JSON.stringify({ starting: true }));
client.on("connected", () => console.log(JSON.stringify({ connected: true })));

let seen = 0;
try {
  for await (const result of client.iterate({ query, variables: JSON.parse(variables) })) {
    console.log(JSON.stringify(result));
    seen += 1;
    if (seen >= Number(count)) break;
  }
  await client.dispose();
} catch (error) {
  const told = Array.isArray(error) ? error : { code: error.code, reason: error.reason, message: error.message };
  console.log(JSON.stringify({ error: told }));
  process.exitCode = 1;
}
