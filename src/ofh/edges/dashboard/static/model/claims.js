// @ts-check
/**
 * Which of a browser's tabs does what one of them is to do. Each that could says so to the others and waits a moment; the
 * one that is best placed does it and says that it is done. There is no leader that another would have to follow: a tab
 * that is closed, asleep or in another workspace says nothing. By a BroadcastChannel, since over plain http there are no locks.
 */

/** How long the others may take to speak up, and then to do it. */
const WAITS_MS = [200, 2_000];
/** So many matters are remembered. */
const MOST = 500;

/** `rank`: the less, the better placed. @typedef {{ what: string, rank: number, tab: string, isDone: boolean }} Word */
/** What it needs of a BroadcastChannel. @typedef {{ postMessage: (word: Word) => void, onmessage: ((event: MessageEvent<Word>) => void) | null }} Channel */

export class Claims {
  #channel;
  #pause;
  #tab = Math.random().toString(36).slice(2);
  /** The best word of others, by what it is about. @type {Map<string, Word>} */
  #heard = new Map();

  /** @param {Channel} channel to the other tabs @param {(ms: number) => Promise<unknown>} [pause] */
  constructor(channel, pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))) {
    this.#channel = channel;
    this.#pause = pause;
    channel.onmessage = ({ data }) => this.#hear(data);
  }

  /** @param {string} what the same in every tab @param {number} rank @returns {Promise<boolean>} whether it is this tab's to do */
  async take(what, rank) {
    const mine = { what, rank, tab: this.#tab, isDone: false };
    const isDone = () => this.#heard.get(what)?.isDone === true;
    const isAnothers = () => isDone() || isBefore(this.#heard.get(what), mine);
    if (isDone()) return false;
    this.#channel.postMessage(mine);
    for (const ms of WAITS_MS) {
      await this.#pause(ms);
      if (!isAnothers()) break;
      if (isDone()) return false;
    }
    this.#channel.postMessage({ ...mine, isDone: true }); // where the better one did not do it, it has gone
    return true;
  }

  /** @param {Word} word */
  #hear(word) {
    const known = this.#heard.get(word.what);
    if (known && !isBefore(word, known)) return;
    this.#heard.delete(word.what);
    this.#heard.set(word.what, word);
    if (this.#heard.size > MOST) this.#heard.delete(/** @type {string} */ (this.#heard.keys().next().value));
  }
}

/** Whether it goes before another: done before all, then by rank; tabs of the same rank agree by their names. @param {Word | undefined} one @param {Word} other */
function isBefore(one, other) {
  if (one === undefined) return false;
  if (one.isDone !== other.isDone) return one.isDone;
  return one.rank !== other.rank ? one.rank < other.rank : one.tab < other.tab;
}
