// @ts-check
/** What can be done with what is chosen: taken away as files, or deleted. */
import { html, nothing } from "lit-html";
import { query } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { filterOf, EVERYTHING } from "../../model/media_book.js";
import { pathOf } from "../../model/media_item.js";
import { isAtLeast } from "../../model/roles.js";
import { ask, open } from "../../ui/dialog.js";
import { wordsOf } from "../../ui/faults.js";
import { icon } from "../../ui/icons.js";
import { toast } from "../../ui/toast.js";

/** @typedef {import("../../model/media_item.js").Item} Item */
/** @typedef {{ url: string, fileCount: number, size: number }} Archive */

const ARCHIVE = `query Archive($id: ID!, $filter: MediaFilter, $ids: [ID!]) { workspace(id: $id) {
  mediaArchive(filter: $filter, ids: $ids) { url fileCount size } } }`;
/** So many ids the hub takes for one ZIP. */
const OF_ONE_ZIP = 200;
const DELETED_AT_ONCE = 3;

export class Bar {
  #context;
  #book;
  #selection;
  #chooseAll;
  /** What is being done, in words. */
  busy = "";

  /**
   * @param {import("../../app.js").Context} context
   * @param {import("../../model/media_book.js").MediaBook} book
   * @param {import("../../model/media_selection.js").Selection} selection
   * @param {() => void} chooseAll
   */
  constructor(context, book, selection, chooseAll) {
    this.#context = context;
    this.#book = book;
    this.#selection = selection;
    this.#chooseAll = chooseAll;
  }

  /** @param {string} words */
  say(words) {
    this.busy = words;
    this.#context.update();
  }

  render() {
    const { units, workspace, update } = this.#context;
    const { count, bytes } = this.#selection;
    if (count === 0 && !this.busy) return nothing;
    const isBusy = this.busy !== "";
    const zips = this.#selection.zips(OF_ONE_ZIP);
    const clear = () => {
      this.#selection.clear();
      update();
    };
    return html`<div class="media-bar" role="region" aria-label=${t("media.selection")}>
      <button type="button" class="button quiet" aria-label=${t("media.none_chosen")} title=${t("media.none_chosen")} @click=${clear}>${icon("close")}</button>
      <p role="status">
        ${isBusy ? this.busy : html`<strong>${t("media.chosen", { n: count, count: units.number(count) })}</strong> <span class="count">${units.bytes(bytes)}</span>`}
      </p>
      <span class="space"></span>
      ${count < this.#book.total
        ? html`<button type="button" class="button quiet" ?disabled=${isBusy} @click=${this.#chooseAll}>${icon("check")}<span>${t("media.choose_all", { n: units.number(this.#book.total) })}</span></button>`
        : nothing}
      ${isAtLeast(workspace, "MEMBER")
        ? html`<button type="button" class="button" ?disabled=${isBusy || !count} @click=${() => void this.#delete()}>${icon("trash")}<span>${t("media.delete")}</span></button>`
        : nothing}
      <button type="button" class="button primary" ?disabled=${isBusy || !count} @click=${() => void this.#download()}>${icon("download")}<span>${zips > 1 ? t("media.download_zips", { n: zips }) : t("media.download")}</span></button>
    </div>`;
  }

  async #delete() {
    const { items } = this.#selection;
    const gone = await this.remove(items);
    if (gone.length) toast(t("media.deleted", { n: gone.length }));
    this.#context.update();
  }

  /**
   * Delete some, after asking.
   * @param {readonly Item[]} items
   * @returns {Promise<string[]>} the ids of those that are gone
   */
  async remove(items) {
    const { units } = this.#context;
    const n = items.length;
    const size = units.bytes(items.reduce((sum, item) => sum + item.size, 0));
    const title = n === 1 ? t("media.delete_one", { name: /** @type {Item} */ (items[0]).name }) : t("media.delete_title", { n: units.number(n), size });
    if (!(await ask({ title, text: t("media.delete_text"), action: t("media.delete"), isDestructive: true }))) return [];
    /** @type {string[]} */
    const gone = [];
    /** @type {unknown} */
    let fault = null;
    const waiting = [...items];
    const work = async () => {
      for (let item = waiting.shift(); item && fault === null; item = waiting.shift()) {
        try {
          await query("mutation DeleteMedia($id: ID!) { deleteMedia(id: $id) }", { id: item.id });
          gone.push(item.id);
        } catch (error) {
          if (/** @type {{ code?: string }} */ (error).code === "GONE") gone.push(item.id);
          else fault = error;
        }
        this.say(t("media.deleting", { done: units.number(gone.length), n: units.number(n) }));
      }
    };
    await Promise.all(Array.from({ length: DELETED_AT_ONCE }, work));
    this.busy = "";
    this.#selection.drop(gone);
    this.#book.remove(gone);
    if (fault) toast(wordsOf(fault, units), "error");
    return gone;
  }

  async #download() {
    const { items, whole } = this.#selection;
    const id = this.#context.workspace?.id;
    try {
      if (items.length === 1) {
        const { media } = await query("query FileOf($id: ID!) { media(id: $id) { file { url } } }", { id: /** @type {Item} */ (items[0]).id });
        if (!media) return toast(t("fault.gone"), "error");
        return save(pathOf(media.file.url), /** @type {Item} */ (items[0]).name);
      }
      this.say(t("media.packing"));
      /** @type {Archive[]} */
      const archives = [];
      if (whole && items.length > OF_ONE_ZIP) archives.push(await archiveOf(id, { filter: filterOf({ ...EVERYTHING, ...whole }) }));
      else {
        for (let begin = 0; begin < items.length; begin += OF_ONE_ZIP) {
          archives.push(await archiveOf(id, { ids: items.slice(begin, begin + OF_ONE_ZIP).map((item) => item.id) }));
        }
      }
      const [first] = archives;
      if (archives.length === 1 && first) save(first.url);
      else this.#several(archives);
    } catch (error) {
      toast(wordsOf(error, this.#context.units), "error");
    } finally {
      this.say("");
    }
  }

  /** More than one ZIP. @param {readonly Archive[]} archives */
  #several(archives) {
    const { units } = this.#context;
    const title = t("media.zips", { n: archives.length });
    /** @type {Set<number>} */
    const begun = new Set();
    open(
      ({ close, update }) => html`<h2>${title}</h2>
        <p>${t("media.zips_text", { most: OF_ONE_ZIP })}</p>
        <ul class="files">
          ${archives.map(
            ({ url, fileCount, size }, index) => html`<li>
              <a class="button" href=${url} download @click=${() => {
                begun.add(index);
                update();
              }}
                >${icon(begun.has(index) ? "check" : "download")}${t("media.zip", { n: index + 1, files: units.number(fileCount), size: units.bytes(size) })}
                ${begun.has(index) ? html`<span class="unseen">${t("media.zip_begun")}</span>` : nothing}</a
              >
            </li>`,
          )}
        </ul>
        <div class="actions"><button type="button" class="button" @click=${close}>${t("close")}</button></div>`,
      { label: title },
    );
  }
}

/** @param {string | undefined} id @param {Record<string, unknown>} which @returns {Promise<Archive>} */
async function archiveOf(id, which) {
  const { workspace } = await query(ARCHIVE, { id, ...which });
  const { url, fileCount, size } = workspace.mediaArchive;
  return { url: pathOf(url), fileCount, size: Number(size) };
}

/** Have the browser keep it. @param {string} url @param {string} [name] */
export function save(url, name = "") {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
