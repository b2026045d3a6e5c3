// @ts-check
/**
 * Reads tiles out of one file, by ranges: PMTiles of version 3 (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md),
 * uncompressed or in gzip, which the browser unpacks.
 */

export const SCHEME = "pmtiles";
const HEADER_BYTES = 127;
/** What is read at first: the header and, as the specification has it, all of the root directory. */
const FIRST_BYTES = 16_384;
const NONE = 1;
const GZIP = 2;
const KEPT_LEAVES = 64;
/** More than three in a row: an archive that refers to itself. */
const DEEPEST = 4;

/** @typedef {{ tileId: number, offset: number, length: number, run: number }} Entry `run` 0: a directory, else so many tiles from `tileId` on */
/** @typedef {(offset: number, length: number) => Promise<ArrayBuffer>} ReadRange */

/** What a tile holds, by the header's number. */
const KINDS = ["unknown", "vector", "png", "jpeg", "webp", "avif"];

/**
 * The number of a tile: zoom by zoom, and within one along a Hilbert curve.
 * @param {number} z @param {number} x @param {number} y
 */
export function tileIdOf(z, x, y) {
  let id = (4 ** z - 1) / 3;
  for (let side = 2 ** (z - 1); side >= 1; side /= 2) {
    const [right, low] = [Math.floor(x / side) % 2, Math.floor(y / side) % 2];
    id += side * side * ((3 * right) ^ low);
    if (low === 0) {
      if (right === 1) [x, y] = [side - 1 - (x % side), side - 1 - (y % side)];
      [x, y] = [y, x];
    }
  }
  return id;
}

/** @param {Uint8Array} bytes @returns {Entry[]} */
export function directoryOf(bytes) {
  let at = 0;
  const next = () => {
    let [value, weight] = [0, 1];
    for (;;) {
      if (at >= bytes.length) throw new Error("a directory of the PMTiles archive is cut off");
      const byte = bytes[at++];
      value += (byte & 127) * weight;
      if (byte < 128) return value;
      weight *= 128;
    }
  };
  const count = next();
  if (count > bytes.length) throw new Error("a directory of the PMTiles archive is cut off");
  /** @type {Entry[]} */
  const entries = Array.from({ length: count }, () => ({ tileId: 0, offset: 0, length: 0, run: 0 }));
  let tileId = 0;
  for (const entry of entries) entry.tileId = tileId += next();
  for (const entry of entries) entry.run = next();
  for (const entry of entries) entry.length = next();
  entries.forEach((entry, index) => {
    const told = next();
    entry.offset = told > 0 ? told - 1 : index > 0 ? entries[index - 1].offset + entries[index - 1].length : 0;
  });
  return entries;
}

/** Which entry leads to a tile. @param {readonly Entry[]} entries in order @param {number} tileId @returns {Entry | null} */
export function entryFor(entries, tileId) {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].tileId <= tileId) low = middle + 1;
    else high = middle;
  }
  const entry = entries[low - 1];
  if (entry === undefined || (entry.run > 0 && tileId >= entry.tileId + entry.run)) return null;
  return entry;
}

export class Archive {
  /** @type {ReadRange} */
  #read;
  /** @type {Promise<Awaited<ReturnType<Archive["open"]>>> | null} */
  #opened = null;
  /** @type {Map<number, Promise<Entry[]>>} */
  #leaves = new Map();

  /** @param {ReadRange} read */
  constructor(read) {
    this.#read = read;
  }

  /** What the archive says of itself. A failure is not kept: the next one tries again. */
  head() {
    this.#opened ??= this.open().catch((error) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  async open() {
    const first = await this.#read(0, FIRST_BYTES);
    const view = new DataView(first);
    const magic = new TextDecoder().decode(first.slice(0, 7));
    if (first.byteLength < HEADER_BYTES || magic !== "PMTiles" || view.getUint8(7) !== 3)
      throw new Error("the archive is no PMTiles of version 3");
    const number = (/** @type {number} */ at) => Number(view.getBigUint64(at, true));
    const [rootAt, rootBytes, metadataAt, metadataBytes] = [number(8), number(16), number(24), number(32)];
    const packing = view.getUint8(97);
    const root =
      rootAt + rootBytes <= first.byteLength ? first.slice(rootAt, rootAt + rootBytes) : await this.#read(rootAt, rootBytes);
    const metadata = await unpacked(await this.#read(metadataAt, metadataBytes), packing);
    const degrees = (/** @type {number} */ at) => view.getInt32(at, true) / 1e7;
    return {
      kind: KINDS[view.getUint8(99)] ?? "unknown",
      minZoom: view.getUint8(100),
      maxZoom: view.getUint8(101),
      bounds: /** @type {[number, number, number, number]} */ ([degrees(102), degrees(106), degrees(110), degrees(114)]),
      metadata: JSON.parse(new TextDecoder().decode(metadata)),
      packing,
      tilePacking: view.getUint8(98),
      leavesAt: number(40),
      tilesAt: number(56),
      root: directoryOf(await unpacked(root, packing)),
    };
  }

  /** @param {number} z @param {number} x @param {number} y @returns {Promise<Uint8Array<ArrayBuffer> | null>} null: the archive has none. */
  async tile(z, x, y) {
    const head = await this.head();
    if (z < head.minZoom || z > head.maxZoom) return null;
    const tileId = tileIdOf(z, x, y);
    let entries = head.root;
    for (let depth = 0; depth < DEEPEST; depth++) {
      const entry = entryFor(entries, tileId);
      if (entry === null || entry.length === 0) return null;
      if (entry.run > 0) return unpacked(await this.#read(head.tilesAt + entry.offset, entry.length), head.tilePacking);
      entries = await this.#leaf(head.leavesAt + entry.offset, entry.length, head.packing);
    }
    throw new Error("the directories of the PMTiles archive go too deep");
  }

  /** @param {number} at @param {number} length @param {number} packing */
  #leaf(at, length, packing) {
    const known = this.#leaves.get(at);
    if (known !== undefined) return known;
    if (this.#leaves.size >= KEPT_LEAVES) this.#leaves.clear();
    const leaf = this.#read(at, length).then(async (bytes) => directoryOf(await unpacked(bytes, packing)));
    this.#leaves.set(at, leaf);
    leaf.catch(() => this.#leaves.delete(at));
    return leaf;
  }
}

/** @param {ArrayBuffer} bytes @param {number} packing @returns {Promise<Uint8Array<ArrayBuffer>>} */
async function unpacked(bytes, packing) {
  if (packing === NONE) return new Uint8Array(bytes);
  if (packing !== GZIP) throw new Error("the PMTiles archive is packed in another way than gzip, which browsers cannot unpack");
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @type {Map<string, Archive>} */
const archives = new Map();

/** The archive at an address; one for the page. @param {string} url @returns {Archive} */
export function archiveAt(url) {
  const archive = archives.get(url) ?? new Archive((offset, length) => range(url, offset, length));
  archives.set(url, archive);
  return archive;
}

/** @param {string} url @param {number} offset @param {number} length */
async function range(url, offset, length) {
  const answer = await fetch(url, { headers: { range: `bytes=${offset}-${offset + length - 1}` } });
  if (answer.status !== 206) throw new Error(`HTTP ${answer.status} in place of a part of the PMTiles archive`);
  return answer.arrayBuffer();
}

let isRegistered = false;

/** Teach MapLibre addresses of the form `pmtiles://ADDRESS/Z/X/Y`. @param {typeof import("maplibre-gl").addProtocol} addProtocol */
export function registerPmtiles(addProtocol) {
  if (isRegistered) return;
  isRegistered = true;
  addProtocol(SCHEME, async ({ url }) => {
    const [, archive, ...place] = /^pmtiles:\/\/(.+)\/(\d+)\/(\d+)\/(\d+)$/.exec(url) ?? [];
    const [z, x, y] = place.map(Number);
    const tile = await archiveAt(archive).tile(z, x, y);
    return { data: tile?.buffer ?? new ArrayBuffer(0) };
  });
}
