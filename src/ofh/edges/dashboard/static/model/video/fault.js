// @ts-check
/** Why there is no live video. */

/**
 * `nothing`: nobody publishes there; `refused`: the server does not let this reader in; `unreachable`: no answer, or none
 * that this page may read; `server`: an answer that says that it failed; `unsupported`: this browser cannot play it;
 * `silent`: a connection, but no picture, or none any more; `lost`: the connection broke; `ended`: the server says that it
 * is over.
 * @typedef {"nothing" | "refused" | "unreachable" | "server" | "unsupported" | "silent" | "lost" | "ended"} FaultKind
 */

export class VideoFault extends Error {
  /**
   * @param {FaultKind} kind
   * @param {string} [message] for whoever looks for the cause
   * @param {{ until?: number }} [more] from when on trying again makes sense, of `Date.now()`
   */
  constructor(kind, message = kind, { until } = {}) {
    super(message);
    this.name = "VideoFault";
    this.kind = kind;
    this.until = until;
  }
}

/**
 * What an HTTP status says. @param {number} status 0 where there was no answer
 * @param {string | null} [retryAfter] seconds, as the header has them
 */
export function faultOf(status, retryAfter = null) {
  const message = `HTTP ${status}`;
  if (status === 0) return new VideoFault("unreachable", message);
  if (status === 401 || status === 403) return new VideoFault("refused", message);
  if (status === 404 || status === 410) return new VideoFault("nothing", message);
  const wait = Number(retryAfter);
  return new VideoFault("server", message, wait > 0 ? { until: Date.now() + 1_000 * wait } : {});
}
