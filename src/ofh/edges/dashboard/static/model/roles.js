// @ts-check
/** What a role may do: each may do all that the ones below it may. The hub decides; this is what is offered. */

/** From the least to the most. @type {import("./session.js").Role[]} */
export const ROLES = ["VIEWER", "MEMBER", "ADMIN", "OWNER"];

/**
 * @param {import("./session.js").Workspace | null} workspace
 * @param {import("./session.js").Role} least
 */
export function isAtLeast(workspace, least) {
  return workspace !== null && ROLES.indexOf(workspace.role) >= ROLES.indexOf(least);
}
