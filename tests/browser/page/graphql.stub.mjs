/** In the place of `api/graphql.js`: what the hub answers is what a test says. */
export class GraphQLFault extends Error {}
export const hub = { answers: {}, refuse: () => {}, signOut: () => {}, asked: 0, sinks: [], left: 0 };
export const socket = () => ({
  subscribe: (asked, sink) => {
    hub.sinks.push([asked.variables, sink]);
    return () => (hub.left += 1);
  },
});
export const hangUp = () => {};
export const onRefused = (listener) => (hub.refuse = listener);
export const onSignedOut = (listener) => (hub.signOut = listener);
export async function query() {
  hub.asked += 1;
  if (hub.fault) throw hub.fault;
  return structuredClone(hub.answers);
}
