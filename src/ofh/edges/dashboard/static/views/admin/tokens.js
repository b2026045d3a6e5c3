// @ts-check
/** Access tokens, by which programs act as oneself: made and shown once, listed, revoked. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { copyable } from "../../ui/copy.js";
import { ask, open } from "../../ui/dialog.js";
import { Form } from "../../ui/form.js";

const FIELDS = "id name createdAt expiresAt lastUsedAt";
/** Days that a token may be good for; 0: until it is revoked. */
const SPANS = [30, 90, 365, 0];
const DAY_MS = 86_400_000;

/** @typedef {{ id: string, name: string, createdAt: string, expiresAt: string | null, lastUsedAt: string | null }} Token */

export class Tokens {
  #context;
  #reading;
  #form;
  /** `null` while it is read. @type {Token[] | null} */
  #list = null;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#form = new Form(context.units, context.update);
    this.#reading = new Form(context.units, context.update);
    void this.#reading.run(async () => {
      const { me } = await query(`{ me { accessTokens { ${FIELDS} } } }`);
      this.#list = me?.accessTokens ?? [];
    });
  }

  render() {
    return html`<section class="part">
      <h2>${t("tokens.title")}</h2>
      <p class="lead">${t("tokens.text")}</p>
      ${this.#reading.line} ${this.#list === null ? nothing : this.#listed(this.#list)}
    </section>`;
  }

  /** @param {Token[]} list */
  #listed(list) {
    return html`${list.length ? this.#table(list) : html`<p class="aside under">${t("tokens.none")}</p>`}
      <form class="inline" @submit=${this.#form.sent(this.#make)}>
        <label class="field"><span>${t("tokens.name")}</span><input name="name" required maxlength="100" autocomplete="off" placeholder=${t("tokens.example")} /></label>
        <label class="field"><span>${t("tokens.span")}</span>
          <select name="days">${SPANS.map((days) => html`<option value=${days}>${days ? t("tokens.days", { n: days }) : t("tokens.forever")}</option>`)}</select></label>
        <button class="button" aria-busy=${this.#form.isBusy}>${t("tokens.make")}</button>
      </form>
      ${this.#form.line}`;
  }

  /** @param {Token[]} list */
  #table(list) {
    const { units } = this.#context;
    const moment = (/** @type {string | null} */ time, /** @type {string} */ none) => (time ? html`<time datetime=${time} title=${units.utc(time)}>${units.moment(time)}</time>` : none);
    return html`<table class="table">
      <thead>
        <tr><th scope="col">${t("tokens.name")}</th><th scope="col">${t("tokens.used")}</th><th scope="col">${t("tokens.ends")}</th><th scope="col"><span class="unseen">${t("members.acts")}</span></th></tr>
      </thead>
      <tbody>
        ${repeat(
          list,
          ({ id }) => id,
          (token) => html`<tr>
            <td><strong>${token.name}</strong></td>
            <td class="soft">${moment(token.lastUsedAt, t("tokens.never"))}</td>
            <td class="soft">${moment(token.expiresAt, t("tokens.forever"))}</td>
            <td class="acts"><button type="button" class="button small" aria-label=${t("tokens.revoke_which", { name: token.name })} @click=${() => this.#revoke(token)}>${t("tokens.revoke")}</button></td>
          </tr>`,
        )}
      </tbody>
    </table>`;
  }

  /** @param {import("../../ui/form.js").Values} values @param {HTMLFormElement} form */
  #make = async ({ name, days }, form) => {
    const document = `mutation Make($name: String!, $expiresAt: DateTime) { createAccessToken(name: $name, expiresAt: $expiresAt) { accessToken { ${FIELDS} } token } }`;
    const expiresAt = Number(days) ? new Date(this.#context.clock.now() + Number(days) * DAY_MS).toISOString() : null;
    const { createAccessToken } = await query(document, { name, expiresAt });
    this.#list = [...(this.#list ?? []), createAccessToken.accessToken];
    form.reset();
    show(String(name), createAccessToken.token);
  };

  /** @param {Token} token */
  async #revoke({ id, name }) {
    if (!(await ask({ title: t("tokens.revoke_title", { name }), text: t("tokens.revoke_text"), action: t("tokens.revoke"), isDestructive: true }))) return;
    await this.#form.run(async () => {
      await query("mutation Revoke($id: ID!) { revokeAccessToken(id: $id) }", { id });
      this.#list = (this.#list ?? []).filter((token) => token.id !== id);
    });
  }
}

/** This once. @param {string} name @param {string} token */
function show(name, token) {
  let isWarned = false;
  const dialog = open(
    ({ close }) =>
      html`<h2>${t("tokens.made", { name })}</h2>
        ${copyable(t("tokens.token"), token, { name: "token" })}
        <p class="note warn">${t("tokens.once")}</p>
        <div class="actions">
          ${isWarned ? html`<p class="problem" role="alert">${t("handing.warned")}</p>` : nothing}
          <button type="button" class="button primary" @click=${close}>${t("handing.done")}</button>
        </div>`,
    {
      label: t("tokens.made", { name }),
      mayClose: () => {
        const mayClose = isWarned;
        isWarned = true;
        dialog.update();
        return mayClose;
      },
    },
  );
}
