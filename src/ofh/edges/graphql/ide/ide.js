// Starts GraphiQL on the page's element. Queries go by fetch, subscriptions by graphql-transport-ws, both to the
// endpoint that the element names, on the page's own origin.

const element = document.getElementById("ide");
const url = new URL(element.dataset.endpoint, location.href);
const socket = new URL(url);
socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";

const asked = new URLSearchParams(location.search);
const query = asked.get("query") ?? undefined;
const variables = asked.get("variables") ?? undefined;

ReactDOM.createRoot(element).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: url.href, subscriptionUrl: socket.href }),
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultQuery: element.dataset.query,
    query,
    variables,
    defaultEditorToolsVisibility: true,
    inputValueDeprecation: true,
  }),
);
