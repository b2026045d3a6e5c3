// @ts-check
/** What stands in for the hub: a client of `graphql-ws` on which a made-up fleet reports, each aircraft once a second, in batches four times a second as the hub sends them. */

const METRES = 111_320;

export class Reports {
  /** @type {{ longitude: number, latitude: number, heading: number, speed: number, turn: number, elevation: number }[]} */
  aircraft = [];
  #sink = /** @type {any} */ (null);
  #turn = 0;
  #cursor = 0;

  /** @param {number} count @param {{ longitude: number, latitude: number }} middle @param {number} wideM @param {number} highM */
  constructor(count, middle, wideM, highM) {
    let seed = 42;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const east = METRES * Math.cos((middle.latitude * Math.PI) / 180);
    for (let index = 0; index < count; index++)
      this.aircraft.push({
        longitude: middle.longitude + ((random() - 0.5) * wideM) / east, latitude: middle.latitude + ((random() - 0.5) * highM) / METRES,
        heading: random() * 360, speed: 5 + random() * 12, turn: 4 + random() * 10, elevation: 20 + random() * 90,
      });
  }

  on() {
    return () => {};
  }

  /** @param {unknown} _ @param {any} sink */
  subscribe(_, sink) {
    this.#sink = sink;
    const at = new Date().toISOString();
    const drones = this.aircraft.map((one, index) => ({
      id: `${index}`, name: `Drone ${index + 1}`, serialNumber: `1581F${index}`, model: "Matrice 30T", online: true,
      battery: { capacityPercentLeft: 20 + (index % 80), reportedAt: at },
      currentFlight: { id: `${index}`, startedAt: at, landedAt: null, endedAt: null, takeOff: null, drone: { id: `${index}` } },
      position: this.#position(one, at), telemetry: { heading: one.heading, elevation: one.elevation, reportedAt: at },
    }));
    queueMicrotask(() => this.#tell({ __typename: "Snapshot", at, drones, remoteControllers: [], alerts: [] }));
    setInterval(() => this.#report(), 250);
    return () => {};
  }

  #report() {
    const at = new Date().toISOString();
    for (let index = this.#turn; index < this.aircraft.length; index += 4) {
      const one = this.aircraft[index];
      one.heading = (one.heading + one.turn) % 360;
      one.latitude += (one.speed * Math.cos((one.heading * Math.PI) / 180)) / METRES;
      one.longitude += (one.speed * Math.sin((one.heading * Math.PI) / 180)) / (METRES * Math.cos((one.latitude * Math.PI) / 180));
      const telemetry = { heading: one.heading, elevation: one.elevation, horizontalSpeed: one.speed, reportedAt: at };
      this.#tell({ __typename: "PositionReported", at, position: { droneId: `${index}`, position: this.#position(one, at), telemetry } });
    }
    this.#turn = (this.#turn + 1) % 4;
  }

  /** @param {{ longitude: number, latitude: number, elevation: number }} one @param {string} reportedAt */
  #position({ longitude, latitude, elevation }, reportedAt) {
    return { longitude, latitude, height: 400 + elevation, reportedAt };
  }

  /** As text once, as it comes by the socket. @param {Record<string, unknown>} event */
  #tell(event) {
    const text = JSON.stringify({ data: { fleet: { ...event, cursor: `${this.#cursor++}` } } });
    this.#sink?.next(JSON.parse(text));
  }
}
