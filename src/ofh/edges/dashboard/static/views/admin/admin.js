// @ts-check
/** What is seldom done and matters: a page for each part of it, whose name stands in the address. */
import { html } from "lit-html";
import { t } from "../../model/i18n.js";
import { isAtLeast } from "../../model/roles.js";
import { Account } from "./account.js";
import { Audit } from "./audit.js";
import { Connections } from "./connections.js";
import { Members } from "./members.js";
import { WorkspacePage } from "./workspace.js";

/** @typedef {{ render: () => unknown, routed?: () => void, destroy: () => void }} Page */
/** @type {Record<string, new (context: import("../../app.js").Context) => Page>} */
const PAGES = { connections: Connections, members: Members, workspace: WorkspacePage, audit: Audit, account: Account };

export default class Admin {
  #context;
  #name = "";
  /** @type {Page | null} */
  #page = null;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.routed();
  }

  /** Those that the role allows. */
  get #names() {
    return Object.keys(PAGES).filter((name) => name !== "audit" || isAtLeast(this.#context.workspace, "OWNER"));
  }

  routed() {
    const [wanted = ""] = this.#context.route.rest;
    const name = this.#names.includes(wanted) ? wanted : "connections";
    if (name === this.#name) return this.#page?.routed?.();
    this.#page?.destroy();
    this.#name = name;
    const Kind = /** @type {typeof PAGES[string]} */ (PAGES[name]);
    this.#page = new Kind(this.#context);
    document.querySelector(".admin-page")?.scrollTo(0, 0);
    requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(".admin-nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "nearest" })));
  }

  destroy() {
    this.#page?.destroy();
  }

  render() {
    const { workspace } = this.#context;
    return html`<div class="admin">
      <nav class="admin-nav" aria-label=${t("view.admin")}>
        ${this.#names.map(
          (name) => html`<a href="#/w/${workspace?.id}/admin/${name}" aria-current=${name === this.#name ? "page" : "false"}>${t(`admin.${name}`)}</a>`,
        )}
      </nav>
      <div class="admin-page" data-page=${this.#name}>${this.#page?.render()}</div>
    </div>`;
  }
}
