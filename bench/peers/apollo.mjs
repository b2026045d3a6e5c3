// Apollo Server on Express with graphql-ws, as its page on subscriptions has it.
import { createServer } from "node:http";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginDrainHttpServer } from "@apollo/server/plugin/drainHttpServer";
import { expressMiddleware } from "@as-integrations/express5";
import { makeExecutableSchema } from "@graphql-tools/schema";
import cors from "cors";
import express from "express";
import { PubSub } from "graphql-subscriptions";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import { serve, typeDefs } from "./common.mjs";

const pubsub = new PubSub();
const schema = makeExecutableSchema({
  typeDefs,
  resolvers: {
    Query: { ok: () => true },
    Subscription: {
      dronePosition: { subscribe: (_root, { droneId }) => pubsub.asyncIterableIterator([`POSITION_${droneId}`]) },
      workspacePositions: { subscribe: () => pubsub.asyncIterableIterator(["WORKSPACE"]) },
    },
  },
});
const app = express();
const httpServer = createServer(app);
const wsServer = new WebSocketServer({ server: httpServer, path: "/graphql" });
const cleanup = useServer({ schema }, wsServer);
const server = new ApolloServer({
  schema,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer }),
    { serverWillStart: async () => ({ drainServer: () => cleanup.dispose() }) },
  ],
});
await server.start();
app.use("/graphql", cors(), express.json(), expressMiddleware(server));
pubsub.ee.setMaxListeners(0);
httpServer.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  serve(httpServer.address().port, (value) => {
    pubsub.publish(`POSITION_${value.droneId}`, { dronePosition: value });
    pubsub.publish("WORKSPACE", { workspacePositions: [value] });
  }),
);
