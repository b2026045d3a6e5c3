// @ts-check
/** The workspace's connections: which controller and aircraft came by each, how it gets on, and what can be done about it. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { isAtLeast } from "../../model/roles.js";
import { ask } from "../../ui/dialog.js";
import { Form } from "../../ui/form.js";
import { icon } from "../../ui/icons.js";
import { toast } from "../../ui/toast.js";
import { Doctor, summary } from "./doctor.js";
import { hand } from "./handing.js";

/** @typedef {{ id: string, serialNumber: string, model: string | null, online: boolean }} Device */
/**
 * @typedef {{ id: string, name: string, remoteController: Device | null, drone: (Device & { name: string }) | null,
 *   doctor: { state: import("./doctor.js").StepState, steps: import("./doctor.js").Step[] } }} Connection
 */

const LIST = `query Connections($id: ID!) { workspace(id: $id) { connections { id name
  remoteController { id serialNumber model online } drone { id name serialNumber model online }
  doctor { state steps { name state at problem detail hint } } } } }`;
const MADE = "connection { id name } connectionId secret";
/** So many need a search. */
const MANY = 10;
const SOON_MS = 1_000;
const RENEW_MS = 30_000;

export class Connections {
  #context;
  #form;
  #reading;
  /** @type {Connection[] | null} */
  #list = null;
  #wanted = "";
  #online = "";
  /** @type {Doctor | null} */
  #doctor = null;
  #shown = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ends;
  #isOver = false;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#form = new Form(context.units, context.update);
    this.#reading = new Form(context.units, context.update);
    const fleet = /** @type {import("../../model/fleet.js").Fleet} */ (context.fleet);
    const changed = () => {
      const ids = [...fleet.controllers.values(), ...fleet.drones.values()].filter(({ online }) => online).map(({ id }) => id);
      if (ids.join() === this.#online) return;
      this.#online = ids.join();
      this.#renew(SOON_MS);
    };
    this.#ends = [fleet.on("controllers", changed), fleet.on("change", changed)];
    this.routed();
    void this.#load();
  }

  destroy() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#doctor?.destroy();
    for (const end of this.#ends) end();
  }

  routed() {
    const [, id = ""] = this.#context.route.rest;
    if (id === this.#shown) return;
    this.#doctor?.destroy();
    this.#shown = id;
    this.#form.problem = "";
    this.#doctor = id ? new Doctor(this.#context, id, this.#context.update) : null;
  }

  /** @param {number} ms */
  #renew(ms) {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#load(), ms);
  }

  async #load() {
    await this.#reading.run(async () => {
      const { workspace } = await query(LIST, { id: this.#context.workspace?.id });
      this.#list = workspace?.connections ?? [];
    });
    this.#renew(document.hidden ? 4 * RENEW_MS : RENEW_MS);
  }

  render() {
    if (this.#list === null) return html`<h1>${t("admin.connections")}</h1>${this.#reading.problem ? this.#reading.line : html`<p class="aside">${t("loading")}</p>`}`;
    const chosen = this.#shown ? this.#list.find(({ id }) => id === this.#shown) : undefined;
    if (this.#shown) return this.#one(chosen);
    return this.#all(this.#list);
  }

  /** @param {Connection[]} list */
  #all(list) {
    const mayManage = isAtLeast(this.#context.workspace, "ADMIN");
    const wanted = this.#wanted.toLowerCase();
    const texts = (/** @type {Connection} */ { name, remoteController, drone }) => [name, remoteController?.serialNumber, drone?.name, drone?.serialNumber];
    const found = wanted ? list.filter((connection) => texts(connection).some((text) => text?.toLowerCase().includes(wanted))) : list;
    return html`<h1>${t("admin.connections")}</h1>
      <p class="lead">${t("connections.text")}</p>
      ${mayManage ? this.#maker() : nothing} ${this.#form.line} ${this.#reading.line}
      ${list.length === 0
        ? html`<div class="nothing"><h2>${t("connections.none")}</h2><p>${mayManage ? t("connections.none_admin") : t("connections.none_member")}</p></div>`
        : nothing}
      ${list.length > MANY
        ? html`<label class="search">${icon("search")}<span class="unseen">${t("connections.search")}</span
            ><input type="search" placeholder=${t("connections.search")} .value=${this.#wanted} @input=${this.#search}
          /></label>`
        : nothing}
      ${wanted && found.length === 0 ? html`<p class="aside" role="status">${t("connections.no_match")}</p>` : nothing}
      <ul class="cards">
        ${repeat(
          found,
          ({ id }) => id,
          (connection) => this.#card(connection),
        )}
      </ul>`;
  }

  #search = (/** @type {Event} */ event) => {
    this.#wanted = /** @type {HTMLInputElement} */ (event.target).value.trim();
    this.#context.update();
  };

  #maker() {
    const make = this.#form.sent(async ({ name }, form) => {
      const document = `mutation Make($workspaceId: ID!, $name: String!) { createConnection(workspaceId: $workspaceId, name: $name) { ${MADE} } }`;
      const { createConnection } = await query(document, { workspaceId: this.#context.workspace?.id, name });
      form.reset();
      this.#handed(createConnection);
    });
    return html`<form class="inline" @submit=${make}>
      <label class="field"><span>${t("connections.name")}</span>
        <input name="name" required maxlength="100" autocomplete="off" placeholder=${t("connections.example")} /></label>
      <button class="button primary" aria-busy=${this.#form.isBusy}>${icon("plus")}${t("connections.make")}</button>
    </form>`;
  }

  /** @param {any} payload */
  #handed(payload) {
    void hand(this.#context, payload).then(() => this.#renew(0));
    this.#renew(0);
  }

  /** @param {Connection} connection */
  #card({ id, name, remoteController, drone, doctor }) {
    const state = this.#stateOf(remoteController, doctor);
    return html`<li class="card-row" data-connection=${id}>
      <span class="badge badge-${state}">${t(`connection.${state}`)}</span>
      <div class="card-who">
        <a class="card-name" href="#/w/${this.#context.workspace?.id}/admin/connections/${id}">${name}</a>
        <p>${this.#devices(remoteController, drone)}</p>
        ${state === "problem" || state === "new" ? html`<p class="card-hint">${summary(doctor)}</p>` : nothing}
      </div>
    </li>`;
  }

  /** @param {Device | null} controller @param {(Device & { name: string }) | null} drone */
  #devices(controller, drone) {
    if (!controller) return t("connection.nobody");
    const name = this.#context.fleet?.drones.get(drone?.id ?? "")?.row.name ?? drone?.name;
    return html`${controller.model ?? t("model.unknown")} <span class="serial">${controller.serialNumber}</span>
      ${drone ? html` · ${icon("plane")} <a href="#/w/${this.#context.workspace?.id}/map/drone/${drone.id}">${name}</a>` : nothing}`;
  }

  /**
   * In a word: live where the fleet knows. Who has come in is stuck by what was seen alone, not by what the hub's settings make likely.
   * @param {Device | null} controller
   * @param {Connection["doctor"]} doctor
   */
  #stateOf(controller, { state, steps }) {
    const isBad = (/** @type {string} */ word) => word === "FAILED" || word === "STALE";
    if (steps.some((step) => isBad(step.state) && step.at !== null)) return "problem";
    const isOnline = controller && (this.#context.fleet?.controllers.get(controller.id)?.online ?? controller.online);
    if (isOnline) return "online";
    const hasReported = steps.some(({ name, at }) => name === "FIRST_REPORT" && at !== null);
    if (isBad(state) && !hasReported) return "problem";
    return controller ? "offline" : "new";
  }

  /** @param {Connection | undefined} connection */
  #one(connection) {
    const back = html`<p><a class="back" href="#/w/${this.#context.workspace?.id}/admin/connections">${icon("back")}${t("connections.back")}</a></p>`;
    if (!connection) return html`${back}<h1>${t("connections.gone")}</h1>`;
    const { name, remoteController, drone, doctor } = connection;
    const state = this.#stateOf(remoteController, this.#doctor?.diagnosis ?? doctor);
    return html`${back}
      <h1>${name} <span class="badge badge-${state}">${t(`connection.${state}`)}</span></h1>
      <p>${this.#devices(remoteController, drone)}</p>
      ${isAtLeast(this.#context.workspace, "ADMIN")
        ? html`<div class="buttons">
            <button type="button" class="button" @click=${() => this.#rotate(connection)}>${t("connection.rotate")}</button>
            <button type="button" class="button" @click=${() => this.#delete(connection)}>${t("connection.delete")}</button>
          </div>`
        : nothing}
      ${this.#form.line} ${this.#doctor?.render()}`;
  }

  /** @param {Connection} connection */
  async #rotate({ id, name }) {
    const question = { title: t("rotate.title", { name }), text: t("rotate.text"), action: t("connection.rotate"), isDestructive: true };
    if (!(await ask(question))) return;
    await this.#form.run(async () => {
      const { rotateConnectionSecret } = await query(`mutation Renew($id: ID!) { rotateConnectionSecret(id: $id) { ${MADE} } }`, { id });
      this.#handed(rotateConnectionSecret);
    });
  }

  /** @param {Connection} connection */
  async #delete({ id, name, remoteController }) {
    const text = remoteController ? t("delete_connection.text", { controller: remoteController.serialNumber }) : t("delete_connection.unused");
    if (!(await ask({ title: t("delete_connection.title", { name }), text, action: t("connection.delete"), isDestructive: true }))) return;
    await this.#form.run(async () => {
      await query("mutation Delete($id: ID!) { deleteConnection(id: $id) }", { id });
      toast(t("delete_connection.done", { name }));
      this.#list = this.#list?.filter((connection) => connection.id !== id) ?? null;
      this.#context.go("admin", "connections");
    });
  }
}
