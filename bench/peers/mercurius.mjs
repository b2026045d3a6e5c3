// Mercurius on Fastify, as its page on subscriptions has it.
import Fastify from "fastify";
import mercurius from "mercurius";
import { serve, typeDefs } from "./common.mjs";

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: {
    Query: { ok: () => true },
    Subscription: {
      dronePosition: { subscribe: (_root, { droneId }, { pubsub }) => pubsub.subscribe(`POSITION_${droneId}`) },
      workspacePositions: { subscribe: (_root, _args, { pubsub }) => pubsub.subscribe("WORKSPACE") },
    },
  },
  subscription: true,
});
await app.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
await serve(app.server.address().port, (value) => {
  const { pubsub } = app.graphql;
  pubsub.publish({ topic: `POSITION_${value.droneId}`, payload: { dronePosition: value } });
  pubsub.publish({ topic: "WORKSPACE", payload: { workspacePositions: [value] } });
});
