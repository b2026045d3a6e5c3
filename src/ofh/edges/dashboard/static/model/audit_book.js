// @ts-check
/** The audit record of a workspace, the newest first, a page at a time. */
import { query } from "../api/graphql.js";

/** @typedef {{ kind: string, id: string, name: string | null, detail: string }} AuditObject */
/**
 * @typedef {{ id: string, at: string, action: string, outcome: "OK" | "FAILED" | "DENIED", address: string,
 *   user: { id: string, name: string } | null, object: AuditObject | null }} AuditEntry
 */
/** What is listed; days as milliseconds, the end not with it. @typedef {{ userId: string, kind: string, from: number | null, until: number | null }} Wanted */

const LIST = `query Audit($id: ID!, $after: String, $filter: AuditFilter) { workspace(id: $id) {
  auditRecord(after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { id at action outcome address user { id name } object { kind id name detail } } } } } }`;

/** What is done to what, as it is looked for together. @type {Record<string, string[]>} */
export const KINDS = {
  members: ["member invited", "member removed", "member left", "role changed"],
  connections: ["connection created", "connection deleted", "secret shown", "secret rotated"],
  log_ins: ["login", "logout", "lockout"],
  workspace: ["workspace created", "workspace renamed", "workspace history changed", "workspace sharing changed", "workspace uuid reset", "workspace deleted"],
  rules: ["alert rule created", "alert rule changed", "alert rule deleted"],
  files: ["file uploaded", "file deleted"],
  commands: ["command sent to an aircraft"],
  refused: ["permission denied", "serial conflict"],
};

export class AuditBook {
  /** @type {AuditEntry[]} */
  entries = [];
  total = 0;
  /** Whether there was an answer to what is wanted. */
  isKnown = false;
  isLoading = false;
  hasMore = false;
  /** Why nothing more comes. @type {unknown} */
  fault = null;
  /** @type {Wanted} */
  wanted = { userId: "", kind: "", from: null, until: null };
  #workspaceId;
  #changed;
  /** @type {string | null} */
  #after = null;
  /** Counts what is wanted: an answer to what no longer is counts for nothing. */
  #turn = 0;

  /** @param {string} workspaceId @param {() => void} changed there is something new to show */
  constructor(workspaceId, changed) {
    this.#workspaceId = workspaceId;
    this.#changed = changed;
  }

  /** List others; with nothing given, the same anew. @param {Partial<Wanted>} [wanted] */
  want(wanted = {}) {
    this.wanted = { ...this.wanted, ...wanted };
    [this.hasMore, this.isKnown, this.isLoading, this.#after] = [false, false, false, null];
    this.#turn += 1;
    return this.more();
  }

  get isFiltered() {
    return Object.values(this.wanted).some(Boolean);
  }

  /** The next page; the first one if there is none. */
  async more() {
    if (this.isLoading || (this.isKnown && !this.hasMore)) return;
    const turn = this.#turn;
    const { userId, kind, from, until } = this.wanted;
    const filter = {
      ...(userId ? { userId } : {}),
      ...(kind ? { actions: KINDS[kind] } : {}),
      ...(from === null ? {} : { from: new Date(from).toISOString() }),
      ...(until === null ? {} : { to: new Date(until).toISOString() }),
    };
    [this.isLoading, this.fault] = [true, null];
    this.#changed();
    try {
      const { workspace } = await query(LIST, { id: this.#workspaceId, after: this.#after, filter });
      if (turn !== this.#turn) return;
      const { totalCount, pageInfo, edges } = workspace.auditRecord;
      const found = edges.map((/** @type {{ node: AuditEntry }} */ { node }) => node);
      this.entries = this.#after === null ? found : [...this.entries, ...found];
      [this.total, this.isKnown, this.hasMore, this.#after] = [totalCount, true, pageInfo.hasNextPage, pageInfo.endCursor];
    } catch (error) {
      if (turn === this.#turn) this.fault = error;
    } finally {
      if (turn === this.#turn) this.isLoading = false;
      this.#changed();
    }
  }
}
