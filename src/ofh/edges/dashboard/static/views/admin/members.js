// @ts-check
/** Who is in the workspace and what they may do: invited, given another role, taken out; and how to leave. */
import { html, nothing } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { ROLES, isAtLeast } from "../../model/roles.js";
import { ask } from "../../ui/dialog.js";
import { Form } from "../../ui/form.js";
import { toast } from "../../ui/toast.js";

/** @typedef {import("../../model/session.js").Role} Role */
/** @typedef {{ user: { id: string, name: string }, role: Role, email: string | null, since: string }} Member */

const LIST = "query Members($id: ID!) { workspace(id: $id) { members { user { id name } role email since } } }";

export class Members {
  #context;
  #form;
  #reading;
  /** @type {Member[] | null} */
  #list = null;

  /** @param {import("../../app.js").Context} context */
  constructor(context) {
    this.#context = context;
    this.#form = new Form(context.units, context.update);
    this.#reading = new Form(context.units, context.update);
    void this.#load();
  }

  destroy() {}

  #load() {
    return this.#reading.run(async () => {
      const { workspace } = await query(LIST, { id: this.#id });
      const members = /** @type {Member[]} */ (workspace?.members ?? []);
      this.#list = members.sort((one, other) => ROLES.indexOf(other.role) - ROLES.indexOf(one.role) || one.user.name.localeCompare(other.user.name));
    });
  }

  get #id() {
    return this.#context.workspace?.id;
  }

  /** Roles that somebody of mine may give. @returns {Role[]} */
  get #mine() {
    if (isAtLeast(this.#context.workspace, "OWNER")) return ROLES;
    return isAtLeast(this.#context.workspace, "ADMIN") ? ROLES.filter((role) => role !== "OWNER") : [];
  }

  render() {
    const roles = this.#mine;
    return html`<h1>${t("admin.members")}</h1>
      ${roles.length ? this.#inviter(roles) : html`<p class="lead">${t("members.read_only")}</p>`} ${this.#form.line} ${this.#reading.line}
      ${this.#list === null ? html`<p class="aside">${this.#reading.isBusy ? t("loading") : ""}</p>` : this.#table(this.#list, roles)}
      <details class="about-roles">
        <summary>${t("members.legend")}</summary>
        <dl class="roles">
          ${ROLES.map((role) => html`<div><dt>${t(`role.${role.toLowerCase()}`)}</dt><dd>${t(`role_may.${role.toLowerCase()}`)}</dd></div>`)}
        </dl>
      </details>`;
  }

  /** @param {Role[]} roles */
  #inviter(roles) {
    const invite = this.#form.sent(async ({ email, role }, form) => {
      const document = "mutation Invite($workspaceId: ID!, $email: String!, $role: WorkspaceRole!) { inviteMember(workspaceId: $workspaceId, email: $email, role: $role) { role } }";
      await query(document, { workspaceId: this.#id, email, role });
      form.reset();
      toast(t("members.invited", { email: String(email) }));
      await this.#load();
    });
    return html`<form class="inline" @submit=${invite}>
        <label class="field"><span>${t("login.email")}</span><input name="email" type="email" required autocomplete="off" /></label>
        <label class="field"><span>${t("members.role")}</span>
          <select name="role">${roles.map((role) => html`<option value=${role} ?selected=${role === "MEMBER"}>${t(`role.${role.toLowerCase()}`)}</option>`)}</select></label>
        <button class="button primary" aria-busy=${this.#form.isBusy}>${t("members.invite")}</button>
      </form>
      <p class="aside under">${t("members.invite_note")}</p>`;
  }

  /** @param {Member[]} list @param {Role[]} roles */
  #table(list, roles) {
    return html`<table class="table">
      <thead>
        <tr><th scope="col">${t("members.name")}</th><th scope="col">${t("members.role")}</th><th scope="col">${t("members.since")}</th><th scope="col"><span class="unseen">${t("members.acts")}</span></th></tr>
      </thead>
      <tbody>
        ${repeat(
          list,
          ({ user }) => user.id,
          (member) => this.#row(member, roles),
        )}
      </tbody>
    </table>`;
  }

  /** @param {Member} member @param {Role[]} roles */
  #row(member, roles) {
    const { user, role, email, since } = member;
    const { units, session } = this.#context;
    const isMe = user.id === session.user?.id;
    const mayChange = roles.includes(role);
    const label = t("members.role_of", { name: user.name });
    return html`<tr data-member=${user.id}>
      <td><strong>${user.name}</strong>${isMe ? html` <span class="aside">${t("members.you")}</span>` : nothing}${email && email !== user.name ? html`<br /><span class="soft">${email}</span>` : nothing}</td>
      <td>
        ${mayChange
          ? html`<select aria-label=${label} @change=${(/** @type {Event} */ event) => this.#change(event, member)}>
              ${roles.map((each) => html`<option value=${each} ?selected=${each === role} .selected=${each === role}>${t(`role.${each.toLowerCase()}`)}</option>`)}
            </select>`
          : t(`role.${role.toLowerCase()}`)}
      </td>
      <td class="soft"><time datetime=${since} title=${units.utc(since)}>${units.moment(since)}</time></td>
      <td class="acts">
        ${isMe
          ? html`<button type="button" class="button small" data-leave @click=${() => this.#leave(member)}>${t("members.leave")}</button>`
          : mayChange
            ? html`<button type="button" class="button small" aria-label=${t("members.remove_who", { name: user.name })} @click=${() => this.#remove(member)}>${t("members.remove")}</button>`
            : nothing}
      </td>
    </tr>`;
  }

  /** @param {Event} event @param {Member} member */
  async #change(event, { user, role }) {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    const wanted = /** @type {Role} */ (select.value);
    const isMe = user.id === this.#context.session.user?.id;
    const lowersMe = isMe && ROLES.indexOf(wanted) < ROLES.indexOf(role);
    const question = { title: t("members.lower_me"), text: t("members.lower_me_text"), action: t("members.change"), isDestructive: true };
    if (lowersMe && !(await ask(question))) {
      select.value = role;
      return;
    }
    await this.#form.run(async () => {
      const document = "mutation Change($workspaceId: ID!, $userId: ID!, $role: WorkspaceRole!) { changeMemberRole(workspaceId: $workspaceId, userId: $userId, role: $role) { role } }";
      await query(document, { workspaceId: this.#id, userId: user.id, role: wanted });
      toast(t("members.changed", { name: user.name, role: t(`role.${wanted.toLowerCase()}`) }));
      if (isMe) await this.#context.session.load();
    });
    select.value = role; // until the list says otherwise
    await this.#load();
  }

  /** @param {Member} member */
  async #remove({ user }) {
    const question = { title: t("members.remove_title", { name: user.name }), text: t("members.remove_text"), action: t("members.remove"), isDestructive: true };
    if (await ask(question)) await this.#out(user.id, t("members.removed", { name: user.name }));
  }

  /** @param {Member} member */
  async #leave({ user }) {
    const name = this.#context.workspace?.name ?? "";
    const question = { title: t("members.leave_title", { name }), text: t("members.leave_text"), action: t("members.leave"), isDestructive: true };
    if (await ask(question)) await this.#out(user.id, t("members.left", { name }), true);
  }

  /** @param {string} userId @param {string} done in words @param {boolean} [isMe] */
  async #out(userId, done, isMe = false) {
    await this.#form.run(async () => {
      const id = this.#id;
      await query("mutation Remove($workspaceId: ID!, $userId: ID!) { removeMember(workspaceId: $workspaceId, userId: $userId) }", { workspaceId: id, userId });
      toast(done);
      if (!isMe) return void (await this.#load());
      await this.#context.session.forget(id);
    });
  }
}
