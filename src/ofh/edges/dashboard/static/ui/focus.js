// @ts-check
/**
 * The focus is never lost. Where what had it is taken away, with a row that is deleted, a form that is closed or a view
 * that is left, it goes to the page's main part, so that the keyboard goes on there and not at the top of the page.
 */

/** Later than whoever leads it elsewhere. */
const LATER_MS = 150;

/** @param {Document} page @param {() => HTMLElement | null} main where it goes @returns {() => void} to be called when something was drawn */
export function focusKeeper(page, main) {
  /** @type {EventTarget | null} */
  let last = null;
  const isLost = () => page.activeElement === page.body && last instanceof Node && !last.isConnected;
  page.addEventListener("focusin", ({ target }) => (last = target));
  return () => {
    if (isLost()) setTimeout(() => isLost() && main()?.focus({ preventScroll: true }), LATER_MS);
  };
}
