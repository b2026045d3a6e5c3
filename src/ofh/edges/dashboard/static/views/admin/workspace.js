// @ts-check
/** The workspace itself: its name, how long it remembers, who sees its aircraft, its id, its end; and another one. */
import { html, nothing } from "lit-html";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { isAtLeast } from "../../model/roles.js";
import { copyable } from "../../ui/copy.js";
import { ask } from "../../ui/dialog.js";
import { Form } from "../../ui/form.js";
import { toast } from "../../ui/toast.js";

const DETAILS = "query Details($id: ID!) { workspace(id: $id) { uuid name historyDays sharePosition } }";

/** @typedef {{ uuid: string, name: string, historyDays: number | null, sharePosition: boolean }} Details */

export class WorkspacePage {
  #context;
  #reading;
  #naming;
  #making;
  #ending;
  /** @type {Details | null} */
  #details = null;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    const form = () => new Form(context.units, context.update);
    this.#reading = form();
    this.#naming = form();
    this.#making = form();
    this.#ending = form();
    void this.#reading.run(async () => {
      this.#details = (await query(DETAILS, { id: this.#id })).workspace;
    });
  }

  destroy() {}

  get #id() {
    return this.#context.workspace?.id;
  }

  render() {
    const { workspace } = this.#context;
    const details = this.#details;
    return html`<h1>${t("admin.workspace")}</h1>
      ${this.#reading.line}
      ${details === null ? nothing : isAtLeast(workspace, "ADMIN") ? this.#settings(details) : html`<p class="lead">${details.name}</p>`}
      ${details === null ? nothing : this.#uuid(details)}
      <section class="part">
        <h2>${t("workspace.another")}</h2>
        <p class="lead">${t("workspace.another_text")}</p>
        <form class="inline" @submit=${this.#making.sent(this.#make)}>
          <label class="field"><span>${t("welcome.name")}</span><input name="name" required maxlength="100" autocomplete="off" /></label>
          <button class="button" aria-busy=${this.#making.isBusy}>${t("welcome.action")}</button>
        </form>
        ${this.#making.line}
      </section>
      ${isAtLeast(workspace, "OWNER") ? this.#end() : nothing}`;
  }

  /** @param {Details} details */
  #settings({ name, historyDays, sharePosition }) {
    return html`<form class="part" @submit=${this.#naming.sent(this.#save)}>
      <label class="field"><span>${t("welcome.name")}</span><input name="name" required maxlength="100" autocomplete="off" .value=${name} /></label>
      <label class="field"><span>${t("workspace.history")}</span>
        <input name="historyDays" type="number" min="1" max="36500" inputmode="numeric" placeholder=${t("workspace.history_default")} .value=${historyDays === null ? "" : String(historyDays)} /></label>
      <p class="aside under">${t("workspace.history_text")}</p>
      <label class="tick"><input name="sharePosition" type="checkbox" .checked=${sharePosition} /><span>${t("workspace.share")}</span></label>
      <p class="aside under">${t("workspace.share_text")}</p>
      ${this.#naming.line}
      <button class="button primary" aria-busy=${this.#naming.isBusy}>${t("save")}</button>
    </form>`;
  }

  /** @param {import("../../ui/form.js").Values} values */
  #save = async ({ name, historyDays, sharePosition }) => {
    const days = historyDays ? Number(historyDays) : null;
    const before = this.#details?.historyDays ?? null;
    const isShorter = days !== null && (before === null || days < before);
    const question = { title: t("workspace.shorter", { days: days ?? 0 }), text: t("workspace.shorter_text"), action: t("save"), isDestructive: true };
    if (isShorter && !(await ask(question))) return;
    const document = `mutation Change($id: ID!, $name: String, $historyDays: Int, $sharePosition: Boolean) {
      updateWorkspace(id: $id, name: $name, historyDays: $historyDays, sharePosition: $sharePosition) { uuid name historyDays sharePosition } }`;
    const { updateWorkspace } = await query(document, { id: this.#id, name, historyDays: days, sharePosition: sharePosition === "on" });
    this.#details = updateWorkspace;
    toast(t("saved"));
    await this.#context.session.load();
  };

  /** @param {Details} details */
  #uuid({ uuid }) {
    return html`<section class="part">
      <h2>${t("workspace.uuid")}</h2>
      <p class="lead">${t("workspace.uuid_text")}</p>
      ${copyable(t("workspace.uuid"), uuid)}
      ${isAtLeast(this.#context.workspace, "ADMIN")
        ? html`<button type="button" class="button" @click=${this.#reset}>${t("workspace.reset")}</button>`
        : nothing}
    </section>`;
  }

  #reset = async () => {
    if (!(await ask({ title: t("workspace.reset_title"), text: t("workspace.reset_text"), action: t("workspace.reset"), isDestructive: true }))) return;
    await this.#reading.run(async () => {
      this.#details = (await query("mutation Reset($id: ID!) { resetWorkspaceUuid(id: $id) { uuid name historyDays sharePosition } }", { id: this.#id })).resetWorkspaceUuid;
      toast(t("workspace.reset_done"));
    });
  };

  /** @param {import("../../ui/form.js").Values} values */
  #make = async ({ name }) => {
    location.hash = `#/w/${await this.#context.session.createWorkspace(String(name), this.#context.settings.language)}/admin/connections`;
  };

  #end() {
    return html`<section class="part danger-part">
      <h2>${t("workspace.delete")}</h2>
      <p class="lead">${t("workspace.delete_text")}</p>
      ${this.#ending.line}
      <button type="button" class="button danger" aria-busy=${this.#ending.isBusy} @click=${this.#delete}>${t("workspace.delete")}</button>
    </section>`;
  }

  #delete = async () => {
    const name = this.#details?.name ?? this.#context.workspace?.name ?? "";
    const question = { title: t("workspace.delete_title", { name }), text: t("workspace.delete_text"), action: t("workspace.delete"), isDestructive: true, typed: name };
    if (!(await ask(question))) return;
    await this.#ending.run(async () => {
      const id = this.#id;
      await query("mutation Delete($id: ID!) { deleteWorkspace(id: $id) }", { id });
      toast(t("workspace.deleted", { name }));
      await this.#context.session.forget(id);
    });
  };
}
