// @ts-check
/** Notifications of the browser: whether this page may show them, and one of them. */

/** `default`: it has not been said yet. `insecure`: over plain http no browser shows any. @typedef {NotificationPermission | "insecure" | "missing"} Leave */

/** @returns {Leave} */
export function leave() {
  if (!isSecureContext) return "insecure";
  return "Notification" in globalThis ? Notification.permission : "missing";
}

/** Ask whoever is there, where it has not been said; browsers do so after a click alone. @returns {Promise<Leave>} */
export async function askLeave() {
  return leave() === "default" ? Notification.requestPermission() : leave();
}

/**
 * @param {string} title
 * @param {{ body: string, tag: string }} more
 * @param {() => void} [clicked] what a click leads to; the page comes to the front in any case
 * @returns {boolean} whether the browser takes it: those of phones do for installed pages alone
 */
export function notice(title, more, clicked) {
  if (leave() !== "granted") return false;
  try {
    const shown = new Notification(title, more);
    shown.onclick = () => {
      window.focus();
      shown.close();
      clicked?.();
    };
    return true;
  } catch {
    return false;
  }
}
