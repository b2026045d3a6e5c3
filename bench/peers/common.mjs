// What the three have in common: the schema's text, and where events come from.
//
// A server prints its port, then does what standard input says: "run EVENTS PER_SECOND DRONES" publishes so many, drone
// after drone, and prints "done". With a port as its argument it publishes what a broker has at position/#, as a user's
// own bridge would.
import { createInterface } from "node:readline";

export const typeDefs = /* GraphQL */ `
  type Position { longitude: Float! latitude: Float! height: Float! reportedAt: String! }
  type Telemetry { heading: Float horizontalSpeed: Float elevation: Float }
  type DronePosition { droneId: ID! position: Position! telemetry: Telemetry }
  type Query { ok: Boolean }
  type Subscription {
    dronePosition(droneId: ID!): DronePosition!
    workspacePositions(workspaceId: ID!, interval: Int): [DronePosition!]!
  }
`;

// The monotonic clock's seconds modulo 1,000: by it the receiver knows how old a message is.
const clock = () => Number((process.hrtime.bigint() / 1000n) % 1000000000n) / 1e6;

const event = (drone, number) => ({
  droneId: String(drone),
  position: {
    longitude: 8.540123,
    latitude: 47.380123,
    height: clock(),
    reportedAt: `2026-05-01T00:00:00.${String(number % 1000000).padStart(6, "0")}+00:00`,
  },
  telemetry: { heading: 121.5, horizontalSpeed: 7.25, elevation: 88.5 },
});

// publish(value): to whoever watches its drone, and to whoever watches the workspace.
export async function serve(port, publish) {
  const broker = process.argv[2];
  if (broker) {
    const { default: mqtt } = await import("mqtt");
    const client = mqtt.connect(`mqtt://127.0.0.1:${broker}`);
    client.on("message", (_topic, payload) => publish(JSON.parse(payload.toString())));
    await new Promise((ready) => client.on("connect", ready));
    await client.subscribeAsync("position/#");
  }
  console.log(port);
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => process.exit(0));
  lines.on("line", async (line) => {
    const [word, events, perSecond, drones] = line.split(" ");
    if (word !== "run") return;
    const began = performance.now();
    for (let number = 0; number < Number(events); number += 1) {
      // All that falls into a hundredth of a second comes at its beginning.
      const wait = began + Math.floor((number / Number(perSecond)) * 100) * 10 - performance.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      publish(event((number % Number(drones)) + 1, number));
    }
    console.log("done");
  });
}
