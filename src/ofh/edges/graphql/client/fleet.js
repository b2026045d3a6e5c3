// @ts-check
/**
 * `fleet` for pages and programs: one workspace's events, each once, in order, over any number of losses of the line.
 * One module over the npm package `graphql-ws` (6), which the page brings. docs/fleet.md has a whole example.
 *
 *     const client = hubClient(createClient, { url: "wss://hub.example.org/graphql" });
 *     const fleet = followFleet({ client, workspaceId: "1", selection: "... on Snapshot { drones { id } }" });
 *     for await (const event of fleet) console.log(event.__typename, event.at);
 *
 * How it goes on after a loss: `graphql-ws` would subscribe again with the variables that it was first given, and so tell
 * again what was told. Hence each attempt is a subscription of its own, with the cursor of the last event received, and
 * whatever still comes of an earlier one is ignored.
 */

/** @typedef {{ west: number, south: number, east: number, north: number }} Area Degrees; `west` > `east` crosses 180°. */
/** @typedef {{ message: string, extensions?: Record<string, any> }} HubError */
/**
 * Of the type `__typename`, with `cursor`, `at` and what was selected. `errors` stands in it where the hub could not show a
 * part. `Unshown` has nothing but `errors`: the hub could not show an event that stands here.
 * @typedef {{ __typename: string, cursor: string, at: string, errors?: readonly HubError[], [field: string]: any }}
 *   FleetEvent
 */
/**
 * How the line stands, for the page to show. `waiting` has `until` (a number as of `Date.now()`); `waiting`, `ended` and a
 * `connecting` that follows a loss have a `reason` in words; `ended` has the `code` that ended it, if there was one.
 * @typedef {"connecting" | "catching up" | "live" | "waiting" | "ended"} StateName
 * @typedef {{ name: StateName, reason?: string, until?: number, code?: string | number }} State
 */
/**
 * @typedef {object} Options
 * @property {import("graphql-ws").Client} client of `hubClient`, or another one of `graphql-ws`. Dispose of it after `stop()`.
 * @property {string} workspaceId
 * @property {string} selection fields of FleetEvent and of its types; `__typename`, `cursor` and `at` come anyway.
 * @property {string} [fragments] definitions that `selection` uses.
 * @property {string | null} [after] a cursor that was kept; without one it begins with a Snapshot.
 * @property {"LATEST" | "ALL"} [delivery]
 * @property {number} [interval] milliseconds, with LATEST.
 * @property {string[]} [kinds]
 * @property {Area} [area]
 * @property {string} [view] the name that `moveViewport` moves; one of its own if left out.
 * @property {(state: State) => void} [onState] told at once, and whenever it has changed.
 * @property {(losses: number) => number} [wait] milliseconds before the next attempt, after so many losses in a row.
 * @property {number} [ahead] events that may wait for a slow page; beyond, the hub is left until the page has caught up.
 */

/**
 * A loop of `for await` gets each event once.
 * - `cursor`: the place behind the event that was handed out last, null before a Snapshot. Keep it together with what was
 *   made of the events, and begin there another time (`after`).
 * - `moveViewport`: look elsewhere, as often as a map moves: what has happened up to now comes, then a Snapshot of this area.
 *   Resolves once the hub knows, or at once without a line: it is told later. Rejects where the hub refuses the area.
 * @typedef {AsyncIterableIterator<FleetEvent> & { readonly cursor: string | null, readonly state: State,
 *   moveViewport(area: Area): Promise<void>, stop(): void }} Fleet
 */
/**
 * One subscription: `isOpen` once something came of it, live with the first event of type `word`. The hub was `told` where
 * the page looks.
 * @typedef {{ leave: () => void, isOpen: boolean, liveSince: number, word: string, told: Area | undefined }} Attempt
 */

/** Only these may pass by themselves; any other error of the subscription itself ends it for good. */
const PASSING = ["UNAVAILABLE", "RATE_LIMITED", "INTERNAL"];
/** Close codes after which coming back makes no difference: not logged in, another protocol. */
const FINAL = [4401, 4403, 4406];
/** Milliseconds after which a line that became live counts as good: its loss is the first one again. */
const STEADY_MS = 5_000;
const WAKING = ["online", "visibilitychange"];

/** Longer and longer, up to 30 s, and different for everybody. @param {number} losses */
export const backOff = (losses) => Math.min(30_000, 1_000 * 2 ** losses) * (0.2 + 0.8 * Math.random());

/** Why `for await` ended with an error: `code` is that of the hub's error, or of the socket's end. */
export class FleetEnded extends Error {
  /** @param {string} message @param {string | number | undefined} code */
  constructor(message, code) {
    super(message);
    this.name = "FleetEnded";
    this.code = code;
  }
}

/**
 * A client of `graphql-ws` that notices a dead line: it asks every `keepAlive` milliseconds, and drops a line on which
 * nothing comes for `patience` milliseconds where something has to. It may serve the page's other operations, too.
 * @param {typeof import("graphql-ws").createClient} createClient
 * @param {import("graphql-ws").ClientOptions & { patience?: number }} options
 * @returns {import("graphql-ws").Client}
 */
export function hubClient(createClient, { patience = 10_000, ...options }) {
  const Socket = /** @type {typeof WebSocket} */ (options.webSocketImpl ?? WebSocket);
  class Heard extends Socket {
    /** @param {string} url @param {string} protocol */
    constructor(url, protocol) {
      super(url, protocol);
      this.addEventListener("error", () => {}); // else npm `ws` ends the program when a line is dropped before it is open
    }
  }
  const client = createClient({ keepAlive: 10_000, retryAttempts: 0, ...options, webSocketImpl: Heard });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const rest = () => (clearTimeout(timer), (timer = undefined));
  const expect = () => (clearTimeout(timer), (timer = setTimeout(() => client.terminate(), patience)));
  client.on("connecting", expect);
  client.on("message", () => timer && expect()); // a pong stands behind what was sent before it
  client.on("connected", rest);
  client.on("ping", (received) => received || expect());
  client.on("pong", (received) => received && rest());
  client.on("closed", rest);
  return client;
}

/**
 * Follow a workspace. Leaving the loop, or `stop()`, ends it; what the hub refuses for good ends it with `FleetEnded`.
 * @param {Options} options
 * @returns {Fleet}
 */
export function followFleet(options) {
  const { client, workspaceId, delivery, interval, kinds, onState, wait = backOff, ahead = 10_000 } = options;
  const view = options.view ?? `view-${Math.random().toString(36).slice(2)}`;
  const query = `subscription Fleet($workspaceId: ID!, $after: String, $delivery: Delivery, $interval: Int,
      $kinds: [FleetEventKind!], $area: Area, $view: String) {
    fleet(workspaceId: $workspaceId, after: $after, delivery: $delivery, interval: $interval, kinds: $kinds,
        area: $area, view: $view) {
      __typename cursor at ... on Gap { from to reason } ... on Snapshot { area { west south east north } }
      ${options.selection}
    }
  } ${options.fragments ?? ""}`;
  let received = options.after ?? null; // the place behind what came, and
  let cursor = received; //                behind what was handed out of it
  let wanted = options.area; // where the page looks, and
  let shown = wanted; //        what the last Snapshot was of
  let losses = 0;
  let state = /** @type {State} */ ({ name: "connecting" });
  let failure = /** @type {FleetEnded | null} */ (null);
  let attempt = /** @type {Attempt | null} */ (null);
  let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  let news = /** @type {Promise<void> | null} */ (null); // what whoever waits for an event waits for
  let wake = () => {};
  let moving = /** @type {Promise<void> | null} */ (null);
  /** @type {FleetEvent[]} */
  const queue = [];

  function begin() {
    clearTimeout(timer);
    timer = undefined;
    if (received === null) shown = wanted; // it begins with a Snapshot of where the page looks now
    const word = received === null ? "Snapshot" : "CaughtUp";
    /** @type {Attempt} */
    const mine = { leave: () => {}, isOpen: false, liveSince: 0, word, told: shown };
    attempt = mine;
    const variables = { workspaceId, after: received, delivery, interval, kinds, area: shown, view };
    mine.leave = client.subscribe(
      { query, variables },
      {
        next: (result) => attempt === mine && take(mine, /** @type {any} */ (result)),
        error: (why) => lost(mine, why),
        complete: () => lost(mine, { reason: "the hub has ended the subscription" }),
      },
    );
    setState({ name: "connecting", reason: state.reason });
  }

  /** @param {Attempt} mine @param {{ data?: { fleet: FleetEvent } | null, errors?: readonly HubError[] }} result */
  function take(mine, { data, errors }) {
    const event = data?.fleet ?? /** @type {FleetEvent} */ ({ __typename: "Unshown" });
    queue.push(errors ? { ...event, errors } : event);
    received = placeBehind(event) ?? received;
    if (event.__typename === "Snapshot") shown = event.area ?? undefined;
    inform();
    if (!mine.isOpen) {
      mine.isOpen = true;
      steer().catch((error) => console.error(error));
    }
    if (!mine.liveSince && event.__typename === mine.word) {
      mine.liveSince = Date.now();
      setState({ name: "live" });
    } else if (state.name === "connecting") setState({ name: "catching up" });
    if (queue.length >= ahead) leave({ name: "waiting", reason: "the page is slower than the fleet" });
  }

  /** @param {Attempt | null} mine @param {any} why the hub's errors, the end of a socket, or an Error */
  function lost(mine, why) {
    if (mine === null || mine !== attempt) return;
    const error = Array.isArray(why) ? /** @type {HubError} */ (why[0]) : null;
    const code = error ? error.extensions?.code : why?.code;
    const reason = error?.message || why?.reason || why?.message || "the line to the hub was lost";
    if (error ? !PASSING.includes(code) : FINAL.includes(code)) {
      failure = new FleetEnded(reason, code);
      end({ name: "ended", reason, code });
      return;
    }
    if (mine.liveSince && Date.now() - mine.liveSince > STEADY_MS) losses = 0;
    const ms = Math.max(wait(losses), 1_000 * (error?.extensions?.retryAfter ?? 0));
    losses += 1;
    timer = setTimeout(begin, ms);
    leave({ name: "waiting", reason, code, until: Date.now() + ms });
  }

  /** @param {State} next */
  function leave(next) {
    const mine = attempt;
    attempt = null;
    mine?.leave();
    setState(next);
  }

  /** @param {State} last */
  function end(last) {
    if (state.name === "ended") return;
    clearTimeout(timer);
    timer = undefined;
    unlisten();
    for (const name of WAKING) globalThis.removeEventListener?.(name, hurry);
    leave(last);
    inform();
  }

  /** Tell the hub where the page looks, one area at a time. */
  const steer = () => (moving ??= move().finally(() => (moving = null)));
  async function move() {
    const query = "mutation Move($view: String!, $area: Area!) { moveViewport(view: $view, area: $area) }";
    for (let mine = attempt; mine?.isOpen && !isSame(mine.told, wanted); mine = attempt) {
      const area = (mine.told = wanted);
      try {
        await new Promise((resolve, reject) => {
          const next = (/** @type {any} */ { errors }) => (errors ? reject(errors) : resolve(undefined));
          client.subscribe({ query, variables: { view, area } }, { next, error: reject, complete: () => {} });
        });
      } catch (why) {
        if (!Array.isArray(why)) return; // the line was lost: the next attempt begins with `shown`, and tells it again
        mine.told = shown;
        if (wanted !== area) continue;
        wanted = shown;
        throw new Error(why[0].message, { cause: why });
      }
    }
  }

  function inform() {
    news = null;
    wake();
  }

  /** @param {State} next */
  function setState(next) {
    state = next;
    try {
      onState?.(next);
    } catch (error) {
      console.error(error); // the page's own fault, which must not cost it events
    }
  }

  /** Somebody looks again, or the network is back: no need to wait longer. */
  const hurry = () => timer !== undefined && begin();
  for (const name of WAKING) globalThis.addEventListener?.(name, hurry);
  // At once, before `graphql-ws` tries again by itself. What nothing has come of yet may well be tried so.
  const unlisten = client.on("closed", (event) => attempt?.isOpen && lost(attempt, event));
  begin();

  const fleet = {
    get cursor() {
      return cursor;
    },
    get state() {
      return state;
    },
    moveViewport(/** @type {Area} */ area) {
      wanted = area;
      return steer();
    },
    stop() {
      queue.length = 0;
      end({ name: "ended", reason: "the page has stopped it" });
    },
    /** @returns {Promise<IteratorResult<FleetEvent, undefined>>} */
    async next() {
      while (queue.length === 0) {
        if (failure !== null) throw failure;
        if (state.name === "ended") return { done: true, value: undefined };
        if (attempt === null && timer === undefined) begin(); // the page was slow, and has caught up
        await (news ??= new Promise((resolve) => (wake = resolve)));
      }
      const value = /** @type {FleetEvent} */ (queue.shift());
      cursor = placeBehind(value) ?? cursor;
      return { done: false, value };
    },
    /** @returns {Promise<IteratorResult<FleetEvent, undefined>>} */
    async return() {
      fleet.stop();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => fleet,
  };
  return fleet;
}

/** Where to begin after an event; a Gap is done with by the Snapshot behind it. @param {FleetEvent} event */
const placeBehind = (event) => (event.__typename === "Gap" ? null : event.cursor);
/** @param {Area | undefined} one @param {Area | undefined} other */
const isSame = (one, other) => `${edges(one)}` === `${edges(other)}`;
/** @param {Area | undefined} area */
const edges = (area) => area && [area.west, area.south, area.east, area.north];
