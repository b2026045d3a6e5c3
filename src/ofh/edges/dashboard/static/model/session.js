// @ts-check
/** Who is logged in, and which workspaces they have. Told to others as `change`. */
import { GraphQLFault, hangUp, onRefused, onSignedOut, query, socket } from "../api/graphql.js";
import { Emitter } from "./emitter.js";

/** @typedef {{ id: string, name: string, email: string | null, registrationIncomplete: boolean | null }} User */
/** @typedef {"OWNER" | "ADMIN" | "MEMBER" | "VIEWER"} Role */
/** @typedef {{ id: string, name: string, role: Role }} Workspace */
/** `unknown` until the hub was first reached. @typedef {"unknown" | "out" | "in"} Standing */

const ROLE = "subscription Role($id: ID!) { workspaceRole(workspaceId: $id) }";

/** @extends {Emitter<{ change: Standing }>} */
export class Session extends Emitter {
  /** @type {Standing} */
  standing = "unknown";
  /** @type {User | null} */
  user = null;
  /** @type {Workspace[]} */
  workspaces = [];
  /** Of the hub, told to who is logged in and to who is not. */
  version = "";
  /** Whether it ended by itself: logged out elsewhere, or too old. */
  hasEnded = false;
  #isRenewing = false;
  /** It was asked for while the hub was answering, perhaps with what was before. */
  #isDue = false;
  #unheed = () => {};

  constructor() {
    super();
    onSignedOut(() => this.standing === "in" && this.#leave(true));
    onRefused(() => void this.renew());
  }

  /** Ask the hub who is here. @throws {GraphQLFault} */
  async load() {
    const before = JSON.stringify([this.standing, this.user, this.workspaces]);
    const { me, server } = await query("{ me { id name email registrationIncomplete } server { version } }");
    this.version = server.version;
    if (me === null) return this.#leave(this.standing === "in");
    const { workspaces } = await query("{ workspaces { id name role } }");
    this.user = me;
    this.workspaces = workspaces;
    this.standing = "in";
    this.hasEnded = false;
    if (before !== JSON.stringify([this.standing, this.user, this.workspaces])) this.emit("change", "in");
  }

  /** Ask the hub anew what somebody who is in may do: of workspaces that are not looked at no event tells. */
  async renew() {
    this.#isDue = true;
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    while (this.#isDue && this.standing === "in") {
      this.#isDue = false;
      await this.load().catch((error) => console.info("It could not be asked what this account may do; it is asked again.", error));
    }
    this.#isRenewing = false;
  }

  /** Be told of another role in a workspace as soon as it is given, for as long as the line stands. @param {string} id */
  heed(id) {
    this.#unheed();
    this.#unheed = socket().subscribe(
      { query: ROLE, variables: { id } },
      {
        next: ({ data }) => {
          const role = /** @type {any} */ (data)?.workspaceRole;
          if (role && role !== this.workspaces.find((workspace) => workspace.id === id)?.role) void this.renew();
        },
        error: (why) => console.info("Another role is not told any more.", why), // the line is lost, or the right to it: the fleet says so
        complete: () => {},
      },
    );
  }

  /** @param {string} username @param {string} password */
  async logIn(username, password) {
    await query("mutation LogIn($username: String!, $password: String!) { login(username: $username, password: $password) { user { id } } }", { username, password });
    await this.load();
  }

  /** By the code of a one-time link. @param {string} token */
  async logInByLink(token) {
    await query("mutation LogIn($token: String!) { loginWithToken(token: $token) { user { id } } }", { token });
    await this.load();
  }

  async logOut() {
    try {
      await query("mutation { logout }");
    } catch (error) {
      if (!(error instanceof GraphQLFault && error.code === "UNAUTHENTICATED")) throw error;
    }
    this.#leave(false);
  }

  /** @param {string} newPassword */
  async setFirstPassword(newPassword) {
    await query("mutation Set($newPassword: String!) { setInitialPassword(newPassword: $newPassword) }", { newPassword });
    await this.load();
  }

  /** @param {string} username */
  async requestReset(username) {
    await query("mutation Ask($username: String!) { requestPasswordReset(username: $username) }", { username });
  }

  /** @param {string} code @param {string} newPassword */
  async resetPassword(code, newPassword) {
    await query("mutation Set($code: String!, $newPassword: String!) { setNewPassword(code: $code, newPassword: $newPassword) }", { code, newPassword });
    this.#leave(false);
  }

  /** @param {string} code */
  async confirmEmail(code) {
    await query("mutation Confirm($code: String!) { confirmEmail(code: $code) }", { code });
  }

  /** @param {string} name @param {string} locale in which what it begins with is named */
  async createWorkspace(name, locale) {
    const document = "mutation Make($name: String!, $locale: String) { createWorkspace(name: $name, locale: $locale) { id } }";
    const { createWorkspace } = await query(document, { name, locale });
    await this.load();
    return /** @type {string} */ (createWorkspace.id);
  }

  /** Be out of a workspace that has just been left or deleted, before anything asks for it once more. @param {string | undefined} id */
  async forget(id) {
    this.workspaces = this.workspaces.filter((workspace) => workspace.id !== id);
    location.hash = "#/";
    await this.load();
  }

  /** @param {boolean} byItself */
  #leave(byItself) {
    hangUp();
    this.user = null;
    this.workspaces = [];
    this.standing = "out";
    this.hasEnded = byItself;
    this.emit("change", "out");
  }
}
