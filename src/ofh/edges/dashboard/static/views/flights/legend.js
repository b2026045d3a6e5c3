// @ts-check
/** What the colours of a track mean, and the choice of what they show. */
import { html, nothing } from "lit-html";
import { t } from "../../model/i18n.js";
import { RAMPS } from "../../map/ramps.js";

/** @typedef {import("../../model/track.js").Quantity} Quantity */

/**
 * @param {Quantity} chosen
 * @param {[string, string] | null} ends the least and the greatest value in words
 * @param {boolean} isDark
 * @param {(quantity: Quantity) => void} choose
 */
export function legend(chosen, ends, isDark, choose) {
  const names = { elevation: t("flight.by_height"), speed: t("speed") };
  return html`<fieldset class="legend">
    <legend class="unseen">${t("flight.colour")}</legend>
    <div class="segments">
      ${/** @type {const} */ (["elevation", "speed"]).map(
        (quantity) => html`<label
          ><input type="radio" name="colour" .checked=${quantity === chosen} @change=${() => choose(quantity)} /><span>${names[quantity]}</span></label
        >`,
      )}
    </div>
    ${ends
      ? html`<div class="ramp" aria-hidden="true" .style=${`background: linear-gradient(to right, ${RAMPS[isDark ? "dark" : "light"].join(", ")})`}></div>
          <div class="ramp-ends numbers"><span>${ends[0]}</span><span>${ends[1]}</span></div>`
      : nothing}
  </fieldset>`;
}
