// GraphQL Yoga with graphql-ws, as its page on subscriptions has it for websockets.
import { createServer } from "node:http";
import { useServer } from "graphql-ws/use/ws";
import { createPubSub, createSchema, createYoga } from "graphql-yoga";
import { WebSocketServer } from "ws";
import { serve, typeDefs } from "./common.mjs";

const pubSub = createPubSub();
const yoga = createYoga({
  graphiql: { subscriptionsProtocol: "WS" },
  schema: createSchema({
    typeDefs,
    resolvers: {
      Query: { ok: () => true },
      Subscription: {
        dronePosition: {
          subscribe: (_root, { droneId }) => pubSub.subscribe("position", droneId),
          resolve: (value) => value,
        },
        workspacePositions: { subscribe: () => pubSub.subscribe("workspace"), resolve: (value) => [value] },
      },
    },
  }),
});
const httpServer = createServer(yoga);
const wsServer = new WebSocketServer({ server: httpServer, path: yoga.graphqlEndpoint });
useServer(
  {
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onSubscribe: async (ctx, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...ctx,
        req: ctx.extra.request,
        socket: ctx.extra.socket,
        params,
      });
      const args = {
        schema,
        operationName: params.operationName,
        document: parse(params.query),
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      };
      const errors = validate(args.schema, args.document);
      return errors.length ? errors : args;
    },
  },
  wsServer,
);
httpServer.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  serve(httpServer.address().port, (value) => {
    pubSub.publish("position", value.droneId, value);
    pubSub.publish("workspace", value);
  }),
);
