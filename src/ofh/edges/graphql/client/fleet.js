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
 * @typedef {{ __typename: string, cursor: string, at: string, errors?: readonly HubError[], [field: string]: any }} FleetEvent
 */
/**
 * How the line stands, for the page to show. `waiting` has `until` (a number as of `Date.now()`); `waiting`, `ended` and a
 * `connecting` that follows a loss have a `reason` in words; `ended` has the `code` that ended it, if there was one.
 * @typedef {"connecting" | "catching up" | "live" | "waiting" | "ended"} StateName
 * @typedef {{ name: StateName, reason?: string, until?: number, code?: string | number }} State
 */
/**
 * @typedef {object} Options
 * @property {import("graphql-ws").Client} client of `hubClient`, or another one of `graphql-ws`.
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

/** Only these may pass by themselves; any other error of the subscription itself ends it for good. */
const PASSING = ["UNAVAILABLE", "RATE_LIMITED", "INTERNAL"];
/** Close codes after which coming back makes no difference: not logged in, another protocol. */
const FINAL = [4401, 4403, 4406];
/** Milliseconds after which a line that became live counts as good: its loss is the first one again. */
const STEADY_MS = 5_000;

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
  return new Fleet(options);
}

/** @param {Area | undefined} one @param {Area | undefined} other */
const isSame = (one, other) => `${edges(one)}` === `${edges(other)}`;
/** @param {Area | undefined} area */
const edges = (area) => area && [area.west, area.south, area.east, area.north];

/** @implements {AsyncIterableIterator<FleetEvent>} */
export class Fleet {
  /**
   * The place behind the event that was handed out last: keep it once use has been made of that event, and begin there
   * another time (`after`). Null until there was a Snapshot.
   * @type {string | null}
   */
  cursor;
  /** @type {State} */
  state = { name: "connecting" };

  #options;
  #query;
  /** The place behind what was received, handed out or not. @type {string | null} */
  #received;
  /** @type {FleetEvent[]} */
  #queue = [];
  /** @typedef {{ leave: () => void, isOpen: boolean, liveSince: number, resumes: boolean }} Attempt */
  /** The subscription at work; its `isOpen` once something came of it. @type {Attempt | null} */
  #attempt = null;
  #losses = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {FleetEnded | null} */
  #failure = null;
  /** What whoever waits for an event waits for, and what ends that. @type {Promise<void> | null} */
  #news = null;
  #wake = () => {};
  /** Where the page looks. @type {Area | undefined} */
  #wanted;
  /** Where the hub was told that it does. @type {Area | undefined} */
  #told;
  /** What the last Snapshot showed. @type {Area | undefined} */
  #shown;
  /** @type {Promise<void> | null} */
  #moving = null;
  /** @type {(() => void)[]} */
  #ends;

  /** @param {Options} options */
  constructor(options) {
    const view = options.view ?? `view-${Math.random().toString(36).slice(2)}`;
    this.#options = { wait: backOff, ahead: 10_000, ...options, view };
    this.#query = `subscription Fleet($workspaceId: ID!, $after: String, $delivery: Delivery, $interval: Int,
        $kinds: [FleetEventKind!], $area: Area, $view: String) {
      fleet(workspaceId: $workspaceId, after: $after, delivery: $delivery, interval: $interval, kinds: $kinds,
          area: $area, view: $view) {
        __typename cursor at ... on Gap { from to reason } ... on Snapshot { area { west south east north } }
        ${options.selection}
      }
    } ${options.fragments ?? ""}`;
    this.cursor = this.#received = options.after ?? null;
    this.#wanted = this.#shown = options.area;
    const now = () => void (this.#timer !== undefined && this.#begin()); // somebody looks again: no need to wait longer
    for (const name of ["online", "visibilitychange"]) globalThis.addEventListener?.(name, now);
    this.#ends = [
      // At once, before `graphql-ws` tries again by itself. What nothing has come of yet may well be tried so.
      options.client.on("closed", (event) => this.#attempt?.isOpen && this.#lost(this.#attempt, event)),
      () => ["online", "visibilitychange"].forEach((name) => globalThis.removeEventListener?.(name, now)),
    ];
    this.#begin();
  }

  /** End it; the loop ends without an error. */
  stop() {
    this.#queue = [];
    this.#end({ name: "ended", reason: "the page has stopped it" });
  }

  /**
   * Look elsewhere, without a new subscription: what has happened up to now comes, then a Snapshot of this area. May be
   * called as often as a map moves: the hub is told one area at a time, the newest. Without a line it is told later.
   * @param {Area} area
   * @returns {Promise<void>} once the hub knows, or the line is away; rejects where the hub refuses the area.
   */
  moveViewport(area) {
    this.#wanted = area;
    return this.#steer();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<FleetEvent, undefined>>} */
  async next() {
    while (this.#queue.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      if (this.state.name === "ended") return { done: true, value: undefined };
      if (this.#attempt === null && this.#timer === undefined) this.#begin(); // the page was slow, and has caught up
      await (this.#news ??= new Promise((resolve) => (this.#wake = resolve)));
    }
    const value = /** @type {FleetEvent} */ (this.#queue.shift());
    this.cursor = placeBehind(value) ?? this.cursor;
    return { done: false, value };
  }

  /** @returns {Promise<IteratorResult<FleetEvent, undefined>>} */
  async return() {
    this.stop();
    return { done: true, value: undefined };
  }

  #begin() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { client, workspaceId, delivery, interval, kinds, view } = this.#options;
    const after = this.#received;
    if (after === null) this.#shown = this.#wanted; // it begins with a Snapshot of where the page looks now
    this.#told = this.#shown;
    /** @type {Attempt} */
    const attempt = (this.#attempt = { leave: () => {}, isOpen: false, liveSince: 0, resumes: after !== null });
    const variables = { workspaceId, after, delivery, interval, kinds, area: this.#shown, view };
    attempt.leave = client.subscribe(
      { query: this.#query, variables },
      {
        next: (result) => this.#attempt === attempt && this.#take(attempt, /** @type {any} */ (result)),
        error: (why) => this.#lost(attempt, why),
        complete: () => this.#lost(attempt, { reason: "the hub has ended the subscription" }),
      },
    );
    this.#setState({ name: "connecting", reason: this.state.reason });
  }

  /** @param {Attempt} attempt @param {{ data?: { fleet: FleetEvent } | null, errors?: readonly HubError[] }} result */
  #take(attempt, { data, errors }) {
    const event = data?.fleet ?? /** @type {FleetEvent} */ ({ __typename: "Unshown" });
    this.#queue.push(errors ? { ...event, errors } : event);
    this.#received = placeBehind(event) ?? this.#received;
    this.#inform();
    if (event.__typename === "Snapshot") this.#shown = event.area ?? undefined;
    if (!attempt.isOpen) {
      attempt.isOpen = true;
      this.#steer().catch((error) => console.error(error));
    }
    if (event.__typename === (attempt.resumes ? "CaughtUp" : "Snapshot") && !attempt.liveSince) {
      attempt.liveSince = Date.now();
      this.#setState({ name: "live" });
    } else if (!attempt.liveSince && this.state.name === "connecting") {
      this.#setState({ name: "catching up" });
    }
    if (this.#queue.length >= this.#options.ahead) {
      this.#attempt = null;
      attempt.leave();
      this.#setState({ name: "waiting", reason: "the page is slower than the fleet" });
    }
  }

  /** @param {Attempt | null} attempt @param {any} why the hub's errors, the end of a socket, or an Error */
  #lost(attempt, why) {
    if (attempt === null || attempt !== this.#attempt) return;
    this.#attempt = null;
    attempt.leave();
    const error = Array.isArray(why) ? /** @type {HubError} */ (why[0]) : null;
    const code = error ? error.extensions?.code : why?.code;
    const reason = error?.message || why?.reason || why?.message || "the line to the hub was lost";
    if (error ? !PASSING.includes(code) : FINAL.includes(code)) {
      this.#failure = new FleetEnded(reason, code);
      this.#end({ name: "ended", reason, code });
      return;
    }
    const losses = attempt.liveSince && Date.now() - attempt.liveSince > STEADY_MS ? 0 : this.#losses;
    this.#losses = losses + 1;
    const ms = Math.max(this.#options.wait(losses), 1_000 * (error?.extensions?.retryAfter ?? 0));
    this.#timer = setTimeout(() => this.#begin(), ms);
    this.#setState({ name: "waiting", reason, code, until: Date.now() + ms });
  }

  /** @param {State} state */
  #end(state) {
    if (this.state.name === "ended") return;
    const attempt = this.#attempt;
    this.#attempt = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    attempt?.leave();
    for (const end of this.#ends) end();
    this.#setState(state);
    this.#inform();
  }

  #steer() {
    return (this.#moving ??= this.#move().finally(() => (this.#moving = null)));
  }

  async #move() {
    const { client, view } = this.#options;
    const query = "mutation Move($view: String!, $area: Area!) { moveViewport(view: $view, area: $area) }";
    while (this.#attempt?.isOpen && !isSame(this.#told, this.#wanted)) {
      const area = (this.#told = this.#wanted);
      try {
        await new Promise((resolve, reject) => {
          const next = (/** @type {any} */ { errors }) => (errors ? reject(errors) : resolve(undefined));
          client.subscribe({ query, variables: { view, area } }, { next, error: reject, complete: () => {} });
        });
      } catch (why) {
        if (!Array.isArray(why)) return; // the line was lost: the next attempt begins where the hub was, and tells it again
        this.#told = this.#shown;
        if (this.#wanted !== area) continue;
        this.#wanted = this.#shown;
        throw new Error(why[0].message, { cause: why });
      }
    }
  }

  #inform() {
    this.#news = null;
    this.#wake();
  }

  /** @param {State} state */
  #setState(state) {
    this.state = state;
    try {
      this.#options.onState?.(state);
    } catch (error) {
      console.error(error); // the page's own fault, which must not cost it events
    }
  }
}

/** Where to begin after an event; a Gap is done with by the Snapshot behind it. @param {FleetEvent} event */
const placeBehind = (event) => (event.__typename === "Gap" ? null : event.cursor);
