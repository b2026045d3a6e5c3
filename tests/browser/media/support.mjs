/** A workspace with media that does not exist, answered as the hub does it. */

const DAY = 86_400_000;
export const NOW = Date.UTC(2026, 5, 14, 12);

/** Number `n` of them, which came `n` minutes after the first; of two flights in turn, one of them a flight of the day before. */
export function row(n, { at = NOW - 40 * DAY + n * 60_000, flight = String(1 + (Math.floor(n / 30) % 2)), ...more } = {}) {
  const createdAt = new Date(at).toISOString();
  const started = new Date(at - (at % DAY)).toISOString();
  return {
    ...{ id: String(n), type: n % 50 ? "PHOTO" : "VIDEO", lens: null, fileName: `DJI_${n}.JPG`, createdAt, capturedAt: createdAt },
    ...{ thumbnailUrl: `https://hub.example/api/file/thumbnail/${n}`, file: { size: "1000", contentType: "image/jpeg", analysedAt: createdAt } },
    ...{ drone: { id: "5", name: "Five" }, flight: flight && { id: `${flight}${Math.floor(at / DAY)}`, startedAt: started }, ...more },
  };
}

export class HubOf {
  asked = 0;
  /** @param {number} count */
  constructor(count) {
    this.rows = Array.from({ length: count }, (_, index) => row(index + 1));
  }

  query = async (document, variables) => {
    this.asked += 1;
    this.last = variables;
    if (this.fault) throw this.fault;
    if (document.startsWith("query Some")) {
      const ids = Object.entries(variables).map(([name, id]) => [name.replace("id", "m"), this.rows.find((found) => found.id === id) ?? null]);
      return Object.fromEntries(ids);
    }
    const { first, after, filter } = variables;
    const all = [...this.rows].reverse().filter(({ flight }) => !filter.flightId || flight?.id === filter.flightId);
    const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const some = all.slice(from, from + first);
    return {
      workspace: {
        media: {
          totalCount: all.length,
          pageInfo: { hasNextPage: from + first < all.length, endCursor: some.at(-1)?.id ?? null },
          edges: some.map((node) => ({ node })),
        },
      },
    };
  };
}
