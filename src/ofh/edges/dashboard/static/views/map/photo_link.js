// @ts-check
/** A photo as a small picture that leads to itself: in the gallery, where the page has one, else as its file. */
import { html } from "lit-html";
import { icon } from "../../ui/icons.js";
import { VIEWS } from "../frame.js";

/** @typedef {{ id: string, fileName: string, capturedAt: string | null, createdAt: string, thumbnailUrl: string | null, file: { url: string } }} Photo */

/** Whether the page has a view of photos. */
export const hasGallery = () => VIEWS.some(({ name }) => /** @type {string} */ (name) === "media");

/** @param {Pick<Photo, "fileName" | "thumbnailUrl">} photo */
export function thumbnail({ fileName, thumbnailUrl }) {
  return thumbnailUrl
    ? html`<img src=${here(thumbnailUrl)} alt=${fileName} loading="lazy" />`
    : html`<span class="photo-none">${icon("photo")}<span class="unseen">${fileName}</span></span>`;
}

/** @param {import("../../app.js").Context} context @param {Photo} photo */
export function photoLink({ units, workspace }, photo) {
  const { id, fileName, file, capturedAt, createdAt } = photo;
  const time = capturedAt ?? createdAt;
  const title = `${fileName} · ${units.moment(time)} · ${units.utc(time)}`;
  return hasGallery()
    ? html`<a href="#/w/${workspace?.id}/media/${id}" title=${title} data-photo=${id}>${thumbnail(photo)}</a>`
    : html`<a href=${here(file.url)} target="_blank" rel="noopener" title=${title} data-photo=${id}>${thumbnail(photo)}</a>`;
}

/** An address of the hub as this page reaches it, by whichever name. @param {string} url */
export function here(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}
