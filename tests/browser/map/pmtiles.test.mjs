import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Archive, directoryOf, entryFor, tileIdOf } from "./map/pmtiles.js";

const varint = (value) => (value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]);

/** As the specification has it: ids as steps, then runs, lengths and offsets, 0 for "right behind the one before". */
function directory(entries) {
  let last = 0;
  const steps = entries.map(({ tileId }) => [tileId - last, (last = tileId)][0]);
  return Uint8Array.from([
    entries.length, ...steps, ...entries.map(({ run }) => run), ...entries.map(({ length }) => length), ...entries.map(({ offset }) => offset + 1),
  ].flatMap(varint));
}

/** An archive with one tile in its root and three equal ones in a leaf, packed by gzip. */
function archive() {
  const tiles = [gzipSync("the world"), gzipSync("sea")];
  const leaf = gzipSync(directory([{ tileId: 5, run: 3, length: tiles[1].length, offset: tiles[0].length }]));
  const root = gzipSync(directory([{ tileId: 0, run: 1, length: tiles[0].length, offset: 0 }, { tileId: 5, run: 0, length: leaf.length, offset: 0 }]));
  const metadata = gzipSync(JSON.stringify({ vector_layers: [{ id: "water" }] }));
  const header = Buffer.alloc(127);
  header.write("PMTiles");
  header.writeUInt8(3, 7);
  let at = 127;
  for (const [place, part] of [[8, root], [24, metadata], [40, leaf], [56, Buffer.concat(tiles)]]) {
    header.writeBigUInt64LE(BigInt(at), place);
    header.writeBigUInt64LE(BigInt(part.length), place + 8);
    at += part.length;
  }
  for (const [place, value] of [[97, 2], [98, 2], [99, 1], [100, 0], [101, 2]]) header.writeUInt8(value, place);
  header.writeInt32LE(-1_800_000_000, 102);
  return Buffer.concat([header, root, metadata, leaf, ...tiles]);
}

const of = (bytes) => new Archive(async (offset, length) => Uint8Array.from(bytes.subarray(offset, offset + length)).buffer);
const text = (tile) => new TextDecoder().decode(tile);

test("tiles are numbered as in the specification's examples", () => {
  assert.deepEqual([[0, 0, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 0], [2, 0, 0], [12, 3423, 1763]].map((place) => tileIdOf(...place)), [0, 1, 2, 3, 4, 5, 19_078_479]);
  for (let z = 0; z < 6; z++) {
    const ids = new Set();
    for (let x = 0; x < 2 ** z; x++) for (let y = 0; y < 2 ** z; y++) ids.add(tileIdOf(z, x, y));
    assert.equal(ids.size, 4 ** z);
  }
});

test("a tile is found in the root and in a leaf, and what is not there is not", async () => {
  const made = of(archive());
  assert.equal(text(await made.tile(0, 0, 0)), "the world");
  assert.equal(text(await made.tile(2, 0, 0)), "sea");
  assert.equal(text(await made.tile(2, 1, 0)), "sea");
  assert.equal(await made.tile(2, 3, 0), null);
  assert.equal(await made.tile(3, 0, 0), null);
  const { kind, minZoom, maxZoom, bounds, metadata } = await made.head();
  assert.deepEqual([kind, minZoom, maxZoom, bounds[0], metadata.vector_layers[0].id], ["vector", 0, 2, -180, "water"]);
});

test("an entry leads to its run and no further", () => {
  const entries = [{ tileId: 2, run: 2, length: 1, offset: 0 }, { tileId: 9, run: 0, length: 1, offset: 1 }];
  assert.deepEqual([1, 2, 3, 4, 9, 500].map((id) => entryFor(entries, id)?.tileId ?? null), [null, 2, 2, null, 9, 9]);
});

test("what is no archive, or is cut off, is refused in words", async () => {
  await assert.rejects(of(Buffer.from("<!doctype html>")).tile(0, 0, 0), /PMTiles/);
  assert.throws(() => directoryOf(Uint8Array.from([3, 1])), /cut off/);
  const whole = archive();
  for (let length = 0; length < 140; length += 13) await assert.rejects(of(whole.subarray(0, length)).tile(0, 0, 0));
});
