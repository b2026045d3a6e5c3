// Starts GraphiQL on the page's element. Queries go by fetch, subscriptions by graphql-transport-ws, both to the
// endpoint that the element names, on the page's own origin.
//
// A link that ends in #login=CODE logs in once. The code is taken out of the address before anything else, so that it
// stays in no history; a fragment is never sent to a server.

const element = document.getElementById("ide");
const url = new URL(element.dataset.endpoint, location.href);
const socket = new URL(url);
socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";

/** Run one operation; its data, or null with the reason shown above the editor. */
async function ask(query, variables) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) {
    notice(errors[0].message);
    return null;
  }
  return data;
}

/** Show one line above the editor. */
function notice(text) {
  let line = document.getElementById("notice");
  if (!line) {
    line = document.createElement("p");
    line.id = "notice";
    line.setAttribute("role", "status");
    document.body.prepend(line);
  }
  line.textContent = text;
}

/** Log in by the link's code, if there is one. */
async function logIn() {
  const code = new URLSearchParams(location.hash.slice(1)).get("login");
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  await ask("mutation LogIn($code: String!) { loginWithToken(token: $code) { user { id } } }", { code });
}

/** The variables that the default query wants: the reader's first workspace. */
async function defaultVariables() {
  const data = await ask("{ me { name } }").catch(() => null);
  if (!data) return undefined;
  if (!data.me) {
    notice("You are not logged in. Open a login link, or run: mutation { login(username: …, password: …) { user { id } } }");
    return undefined;
  }
  const held = await ask("{ workspaces { id name } }");
  if (!held || !held.workspaces.length) {
    notice(`Logged in as ${data.me.name}. Make a workspace with: mutation { createWorkspace(name: …) { id } }`);
    return undefined;
  }
  notice(`Logged in as ${data.me.name}, in the workspace ${held.workspaces[0].name}.`);
  return JSON.stringify({ workspaceId: held.workspaces[0].id }, null, 2);
}

async function start() {
  await logIn();
  const asked = new URLSearchParams(location.search);
  const variables = asked.get("variables") ?? (await defaultVariables());
  ReactDOM.createRoot(element).render(
    React.createElement(GraphiQL, {
      fetcher: GraphiQL.createFetcher({ url: url.href, subscriptionUrl: socket.href }),
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      defaultQuery: element.dataset.query,
      query: asked.get("query") ?? undefined,
      variables,
      defaultEditorToolsVisibility: "variables",
      inputValueDeprecation: true,
    }),
  );
}

start();
