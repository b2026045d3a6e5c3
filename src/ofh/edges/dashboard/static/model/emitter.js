// @ts-check
/** Who tells others: a list of listeners for each kind of news. */

/** @template {Record<string, any>} News */
export class Emitter {
  /** @type {Map<keyof News, Set<(news: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof News} Kind
   * @param {Kind} kind
   * @param {(news: News[Kind]) => void} listener
   * @returns {() => void} ends it.
   */
  on(kind, listener) {
    const held = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, held.add(listener));
    return () => void held.delete(listener);
  }

  /**
   * @template {keyof News} Kind
   * @param {Kind} kind
   * @param {News[Kind]} news
   */
  emit(kind, news) {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        listener(news);
      } catch (error) {
        console.error(error); // one listener's fault costs no other its news
      }
    }
  }
}
