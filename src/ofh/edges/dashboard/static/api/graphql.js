// @ts-check
/** The hub's GraphQL, for the whole page: operations by `fetch`, and the one websocket that live data comes by. */
import { createClient } from "graphql-ws";
import { hubClient } from "ofh/fleet.js";

const PATH = "/graphql";
const PATIENCE_MS = 20_000;

/** Why an operation failed. */
export class GraphQLFault extends Error {
  /**
   * @param {string} code of the hub's errors; `OFFLINE` where the hub was not reached, `BROKEN` where it answered no GraphQL.
   * @param {string} message in words, by the hub
   * @param {{ fields?: Record<string, string>, reason?: string, given?: Record<string, number>, id?: string, until?: number }} [more]
   *   what is wrong with which argument; what the words say, and the numbers in them, for who words it otherwise; the hub's
   *   fault, as its log names it; from when on trying again makes sense, of `Date.now()`.
   */
  constructor(code, message, { fields = {}, reason = "", given = {}, id, until } = {}) {
    super(message);
    this.name = "GraphQLFault";
    this.code = code;
    this.fields = fields;
    this.reason = reason;
    this.given = given;
    this.id = id;
    this.until = until;
  }
}

/** @type {Set<() => void>} */
const signedOut = new Set();
/** @type {Set<() => void>} */
const refused = new Set();
/** @type {Set<(time: number) => void>} */
const timed = new Set();
/** @type {import("graphql-ws").Client | null} */
let client = null;

/** Be told when the session has ended. @param {() => void} listener */
export function onSignedOut(listener) {
  signedOut.add(listener);
}

/** Be told when something was refused that this page took for allowed, or was not there. @param {() => void} listener */
export function onRefused(listener) {
  refused.add(listener);
}

/** Be told the hub's time, to the second, with each answer. @param {(time: number) => void} listener */
export function onTime(listener) {
  timed.add(listener);
}

/**
 * Run a query or a mutation.
 * @param {string} document
 * @param {Record<string, unknown>} [variables]
 * @returns {Promise<any>} its data
 * @throws {GraphQLFault}
 */
export async function query(document, variables) {
  const answer = await reach(document, variables);
  const date = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isFinite(date)) for (const listener of timed) listener(date);
  const wait = Number(answer.headers.get("retry-after"));
  /** @type {{ data?: any, errors?: { message: string, extensions?: any }[] }} */
  const body = await answer.json().catch(() => {
    throw new GraphQLFault("BROKEN", `HTTP ${answer.status}`, wait ? { until: Date.now() + 1_000 * wait } : {});
  });
  const [error] = body.errors ?? [];
  if (!error) return body.data;
  const { code = "BROKEN", fields, reason, given, id, retryAfter = wait } = error.extensions ?? {};
  if (code === "UNAUTHENTICATED") for (const listener of signedOut) listener();
  if (code === "FORBIDDEN" || code === "GONE") for (const listener of refused) listener();
  throw new GraphQLFault(code, error.message, { fields, reason, given, id, until: retryAfter ? Date.now() + 1_000 * retryAfter : undefined });
}

/** @param {string} document @param {Record<string, unknown>} [variables] */
async function reach(document, variables) {
  try {
    return await fetch(PATH, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: document, variables }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new GraphQLFault("OFFLINE", String(error));
  }
}

/** The page's websocket, which is opened when something is first subscribed to, and once more after a loss. */
export function socket() {
  if (client === null) {
    const url = new URL(PATH, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    client = hubClient(createClient, { url: url.href });
    client.on("closed", (event) => {
      const code = /** @type {{ code?: number }} */ (event)?.code;
      if (code === 4403 || code === 4401) for (const listener of signedOut) listener();
    });
  }
  return client;
}

/** Close the websocket; the next subscription opens another one, as whoever is logged in then. */
export function hangUp() {
  void client?.dispose();
  client = null;
}
