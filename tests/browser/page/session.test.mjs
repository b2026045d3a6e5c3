import assert from "node:assert/strict";
import { test } from "node:test";
import { hub } from "./api/graphql.js";
import { Session } from "./model/session.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const answers = (role) => ({ me: { id: "5", name: "Ida" }, server: { version: "1" }, workspaces: role ? [{ id: "1", name: "Rescue", role }] : [] });

async function session() {
  Object.assign(hub, { answers: answers("MEMBER"), fault: null });
  const made = new Session();
  const told = [];
  made.on("change", (standing) => told.push([standing, made.workspaces.map(({ role }) => role).join()]));
  await made.load();
  told.length = 0;
  return { made, told };
}

test("another role holds as soon as something is refused, and what is as it was is not told", async () => {
  const { made, told } = await session();
  await made.renew();
  assert.deepEqual(told, []);
  hub.answers = answers("VIEWER");
  hub.refuse();
  await turn();
  assert.deepEqual(told, [["in", "VIEWER"]]);
  hub.answers = answers(null);
  await made.renew();
  assert.deepEqual(told.at(-1), ["in", ""]);
});

test("a session that has ended meanwhile is told to have ended, and a hub that is away changes nothing", async () => {
  const { made, told } = await session();
  hub.fault = new Error("away");
  await made.renew();
  assert.deepEqual([told, made.standing], [[], "in"]);
  Object.assign(hub, { fault: null, answers: { me: null, server: { version: "1" } } });
  await made.renew();
  assert.deepEqual([told, made.hasEnded], [[["out", ""]], true]);
  const asked = hub.asked;
  hub.refuse();
  await turn();
  assert.equal(hub.asked, asked);
});

test("another role in the workspace that is looked at holds once it is told, also while the hub was being asked", async () => {
  const { made, told } = await session();
  made.heed("1");
  const [variables, sink] = hub.sinks.at(-1);
  assert.deepEqual(variables, { id: "1" });
  const asked = hub.asked;
  sink.next({ data: { workspaceRole: "MEMBER" } });
  await turn();
  assert.equal(hub.asked, asked);
  const asking = made.renew(); // whose answer is of before
  await Promise.resolve();
  hub.answers = answers("ADMIN");
  sink.next({ data: { workspaceRole: "ADMIN" } });
  await asking;
  assert.deepEqual(told, [["in", "ADMIN"]]);
  made.heed("1");
  assert.deepEqual([hub.sinks.length, hub.left], [2, 1]);
});
