// @ts-check
/** A short word at the edge of the page that goes by itself, read aloud by screen readers; within a dialog, where one is open: nothing else can be heard then. */

const STAY_MS = 6_000;

/** @param {string} text @param {"info" | "error"} [kind] an error stays twice as long, and is read at once. */
export function toast(text, kind = "info") {
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  let room = host.querySelector(":scope > .toasts");
  if (!room) {
    room = document.createElement("div");
    room.className = "toasts";
    host.append(room);
  }
  const line = document.createElement("p");
  line.className = `toast toast-${kind}`;
  line.setAttribute("role", kind === "error" ? "alert" : "status");
  line.textContent = text;
  room.append(line);
  setTimeout(() => line.remove(), kind === "error" ? 2 * STAY_MS : STAY_MS);
}
