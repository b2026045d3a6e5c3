// @ts-check
/** Ways in: a password, a new one by a code from a letter, the first one after a one-time link. */
import { html, nothing } from "lit-html";
import { t } from "../model/i18n.js";
import { Form } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** @typedef {"login" | "forgot" | "reset" | "first"} Mode */

export default class Login {
  #context;
  #sending;
  #isSent = false;
  /** @type {Mode} */
  #mode = "login";

  /** @param {import("../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#sending = new Form(context.units, context.update);
    this.routed();
  }

  routed() {
    const mode = /** @type {Mode} */ (this.#context.route.rest[0]);
    this.#mode = mode;
    this.#sending.problem = "";
    this.#isSent = false;
  }

  /** @param {HTMLElement} main */
  mounted(main) {
    main.querySelector(/** @type {"input"} */ ("input:not([type=hidden])"))?.focus();
  }

  destroy() {}

  render() {
    const form = { login: () => this.#login(), forgot: () => this.#forgot(), reset: () => this.#reset(), first: () => this.#first() };
    return html`<div class="alone"><div class="card">${form[this.#mode]()}</div></div>`;
  }

  #login() {
    const { session } = this.#context;
    return html`<h1>${t("login.title")}</h1>
      ${session.hasEnded ? html`<p class="note" role="status">${t("login.ended")}</p>` : nothing}
      ${this.#form(
        ({ username, password }) => session.logIn(username, password),
        html`${field("username", t("login.email"), "email", "username")} ${field("password", t("login.password"), "password", "current-password")}`,
        t("login.action"),
        { UNAUTHENTICATED: t("login.wrong") },
      )}
      <p class="aside"><a href="#/forgot">${t("login.forgot")}</a></p>
      <p class="aside">${t("login.no_account")}</p>`;
  }

  #forgot() {
    const { session } = this.#context;
    const back = html`<p class="aside"><a href="#/login">${t("login.back")}</a></p>`;
    if (this.#isSent) return html`<h1>${t("forgot.title")}</h1><p role="status">${t("forgot.sent")}</p>${back}`;
    return html`<h1>${t("forgot.title")}</h1>
      <p>${t("forgot.text")}</p>
      ${this.#form(
        async ({ username }) => {
          await session.requestReset(username);
          this.#isSent = true;
        },
        field("username", t("login.email"), "email", "username"),
        t("forgot.action"),
        { UNAVAILABLE: t("forgot.no_mail") },
      )}
      ${back}`;
  }

  #reset() {
    const { session, secret } = this.#context;
    return html`<h1>${t("reset.title")}</h1>
      ${this.#form(
        async ({ code, newPassword }) => {
          await session.resetPassword(code ?? secret, newPassword);
          this.#context.secret = "";
          location.hash = "#/login";
          toast(t("reset.done"));
        },
        html`${secret ? nothing : field("code", t("reset.code"), "text", "one-time-code")}
          ${field("newPassword", t("first.new"), "password", "new-password")}
          <p class="aside">${t("first.rule")}</p>`,
        t("reset.action"),
      )}
      <p class="aside"><a href="#/forgot">${t("reset.again")}</a></p>`;
  }

  #first() {
    const { session } = this.#context;
    return html`<h1>${t("first.title")}</h1>
      <p>${t("first.text", { email: session.user?.email ?? "" })}</p>
      ${this.#form(
        async ({ newPassword }) => {
          await session.setFirstPassword(newPassword);
          location.hash = "#/";
          toast(t("first.done"));
        },
        html`<input type="hidden" name="username" autocomplete="username" .value=${session.user?.email ?? ""} />
          ${field("newPassword", t("first.new"), "password", "new-password")}
          <p class="aside">${t("first.rule")}</p>`,
        t("first.set"),
      )}
      <p class="aside"><a href="#/">${t("first.later")}</a></p>`;
  }

  /**
   * @param {(values: Record<string, string>) => Promise<void>} act
   * @param {unknown} fields
   * @param {string} action
   * @param {import("../ui/form.js").Own} [own] words for what may go wrong here
   */
  #form(act, fields, action, own) {
    return html`<form @submit=${this.#sending.sent(act, own)}>
      ${fields} ${this.#sending.line}
      <button class="button primary wide" aria-busy=${this.#sending.isBusy}>${action}</button>
    </form>`;
  }
}

/** @param {string} name @param {string} label @param {string} type @param {string} autocomplete */
function field(name, label, type, autocomplete) {
  return html`<label class="field">
    <span>${label}</span>
    <input name=${name} type=${type} autocomplete=${/** @type {any} */ (autocomplete)} required />
  </label>`;
}
