// @ts-check
/** One's own account: name, address, language, password, and the way out. It needs no workspace. */
import { html, nothing } from "lit-html";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { CHOICES } from "../../model/settings.js";
import { Form } from "../../ui/form.js";
import { toast } from "../../ui/toast.js";
import { Tokens } from "./tokens.js";

const MINE = "id name email locale registrationIncomplete";
/** @typedef {{ id: string, name: string, email: string, locale: string | null, registrationIncomplete: boolean }} Me */

export class Account {
  #context;
  #reading;
  #naming;
  #password;
  #leaving;
  #tokens;
  /** @type {Me | null} */
  #me = null;
  /** An address that is still to be confirmed. */
  #pending = "";

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    const form = () => new Form(context.units, context.update);
    this.#reading = form();
    this.#naming = form();
    this.#password = form();
    this.#leaving = form();
    this.#tokens = new Tokens(context);
    void this.#reading.run(async () => {
      this.#me = (await query(`{ me { ${MINE} } }`)).me;
    });
  }

  destroy() {}

  render() {
    const me = this.#me;
    return html`<h1>${t("admin.account")}</h1>
      ${this.#reading.line} ${me === null ? nothing : html`${this.#who(me)} ${this.#secret(me)}`} ${this.#tokens.render()}
      <section class="part">
        <h2>${t("account.leave")}</h2>
        ${this.#leaving.line}
        <button type="button" class="button" @click=${() => this.#leaving.run(() => this.#context.session.logOut())}>${t("log_out")}</button>
      </section>`;
  }

  /** @param {Me} me */
  #who({ name, email, locale }) {
    const spoken = locale?.slice(0, 2) ?? "";
    return html`<form class="part" @submit=${this.#naming.sent(this.#save)}>
      <label class="field"><span>${t("account.name")}</span><input name="name" required maxlength="100" autocomplete="name" .value=${name} /></label>
      <label class="field"><span>${t("login.email")}</span><input name="email" type="email" required autocomplete="email" .value=${email} /></label>
      ${this.#pending ? html`<p class="note" role="status">${t("account.pending", { email: this.#pending })}</p>` : nothing}
      <label class="field"><span>${t("account.language")}</span>
        <select name="locale">
          <option value="" ?selected=${spoken === ""}>${t("account.language_none")}</option>
          ${CHOICES.language.map((value) => html`<option value=${value} lang=${value} ?selected=${value === spoken}>${t(`language.${value}`)}</option>`)}
        </select></label>
      ${this.#naming.line}
      <button class="button primary" aria-busy=${this.#naming.isBusy}>${t("save")}</button>
    </form>`;
  }

  /** @param {import("../../ui/form.js").Values} values */
  #save = async ({ name, email, locale }) => {
    const { session, settings } = this.#context;
    const document = `mutation Change($id: ID!, $name: String, $email: String, $locale: String) { updateUser(id: $id, name: $name, email: $email, locale: $locale) { ${MINE} } }`;
    const { updateUser } = await query(document, { id: this.#me?.id, name, email, locale: locale || null });
    this.#me = updateUser;
    const wanted = String(email).trim().toLowerCase();
    this.#pending = updateUser.email === wanted ? "" : wanted;
    toast(t("saved"));
    if (locale === "en" || locale === "de") settings.set("language", locale);
    await session.load();
  };

  /** @param {Me} me */
  #secret({ registrationIncomplete, email }) {
    if (registrationIncomplete)
      return html`<section class="part"><h2>${t("account.password")}</h2><p class="lead">${t("first.hint")}</p><a class="button" href="#/password">${t("first.set")}</a></section>`;
    const change = this.#password.sent(async ({ currentPassword, newPassword }, form) => {
      await query("mutation Change($currentPassword: String!, $newPassword: String!) { changePassword(currentPassword: $currentPassword, newPassword: $newPassword) }", { currentPassword, newPassword });
      form.reset();
      toast(t("account.password_done"));
    });
    return html`<form class="part" @submit=${change}>
      <h2>${t("account.password")}</h2>
      <input type="hidden" name="username" autocomplete="username" .value=${email} />
      <label class="field"><span>${t("account.password_now")}</span><input name="currentPassword" type="password" required autocomplete="current-password" /></label>
      <label class="field"><span>${t("first.new")}</span><input name="newPassword" type="password" required minlength="8" autocomplete="new-password" /></label>
      <p class="aside under">${t("first.rule")} ${t("account.password_text")}</p>
      ${this.#password.line}
      <button class="button" aria-busy=${this.#password.isBusy}>${t("account.password_change")}</button>
    </form>`;
  }
}

/** The same as a view of its own, for who is in no workspace. */
export default class AccountView {
  #account;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#account = new Account(context);
  }

  destroy() {}

  render() {
    return html`<div class="admin"><div class="admin-page">${this.#account.render()}</div></div>`;
  }
}
