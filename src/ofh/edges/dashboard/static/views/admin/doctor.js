// @ts-check
/** A controller's way into the hub, step by step and live: how far it has come, where it is stuck, what to do. */
import { html, nothing } from "lit-html";
import { ifDefined } from "lit-html/directives/if-defined.js";
import { socket } from "../../api/graphql.js";
import { t } from "../../model/i18n.js";
import { icon } from "../../ui/icons.js";

/** @typedef {"WAITING" | "OK" | "WARNING" | "FAILED" | "STALE" | "SKIPPED"} StepState */
/** @typedef {{ name: string, state: StepState, at: string | null, problem: string | null, detail: string, hint: string }} Step */
/** @typedef {{ connectionId: string, state: StepState, summary: string, steps: Step[] }} Diagnosis */

const DOCUMENT = `subscription Doctor($id: ID!) { connectionDoctor(connectionId: $id) {
  connectionId state summary steps { name state at problem detail hint } } }`;
const AGAIN_MS = 3_000;
/** What ends it for good; all else is tried again. */
const FINAL = ["GONE", "FORBIDDEN", "UNAUTHENTICATED"];
/** Problems whose details are sentences of the hub's; others have names and numbers, in no language. */
const IN_ENGLISH = ["UNREADABLE", "STORAGE_AWAY"];

export class Doctor {
  /** @type {Diagnosis | null} */
  diagnosis = null;
  #context;
  #id;
  #update;
  #isLost = false;
  #hasEnded = false;
  /** @type {(() => void) | undefined} */
  #leave;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import("../../app.js").Context} context @param {string} id of the connection @param {() => void} update renders anew */
  constructor(context, id, update) {
    this.#context = context;
    this.#id = id;
    this.#update = update;
    this.#watch();
  }

  destroy() {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#leave?.();
  }

  #watch() {
    let isOver = false;
    this.#leave = socket().subscribe(
      { query: DOCUMENT, variables: { id: this.#id } },
      {
        next: ({ data }) => {
          const told = /** @type {Diagnosis | undefined} */ (data?.connectionDoctor);
          if (!told) return;
          this.diagnosis = told;
          this.#isLost = false;
          this.#update();
        },
        error: (error) => {
          isOver = true;
          const codes = Array.isArray(error) ? error.map(({ extensions }) => extensions?.code) : [];
          this.#lost(codes.some((code) => FINAL.includes(code)));
        },
        complete: () => isOver || this.#lost(false),
      },
    );
  }

  /** @param {boolean} isForGood */
  #lost(isForGood) {
    if (this.#hasEnded) return;
    this.#isLost = true;
    this.#hasEnded = isForGood;
    if (!isForGood) this.#timer = setTimeout(() => this.#watch(), AGAIN_MS);
    this.#update();
  }

  render() {
    const { diagnosis } = this;
    return html`<section class="doctor" aria-label=${t("doctor.title")} data-doctor=${diagnosis?.state ?? ""}>
      <h2>${t("doctor.title")}</h2>
      ${this.#isLost ? html`<p class="problem" role="status">${this.#hasEnded ? t("doctor.ended") : t("doctor.lost")}</p>` : nothing}
      ${diagnosis === null
        ? html`<p class="aside">${t("doctor.waiting")}</p>`
        : html`<p class="doctor-sum" role="status">${summary(diagnosis)}</p>
            <ol class="steps ${this.#isLost ? "stale" : ""}">
              ${diagnosis.steps.map((step) => this.#step(step))}
            </ol>`}
    </section>`;
  }

  /** @param {Step} step */
  #step(step) {
    const { units } = this.#context;
    const { name, state, at, detail } = step;
    const words = state === "OK" || state === "SKIPPED" ? "" : advice(step);
    return html`<li class="step step-${state.toLowerCase()}" data-step=${name} data-state=${state}>
      ${sign(state)}
      <div>
        <p class="step-head">
          <strong>${t(`step.${name.toLowerCase()}`)}</strong>
          <span class="step-state">${t(`step_state.${state.toLowerCase()}`)}</span>
          ${at ? html`<time class="age" datetime=${at} title=${units.utc(at)}>${t("ago", { age: units.age(this.#context.clock.age(Date.parse(at))) })}</time>` : nothing}
        </p>
        ${words ? html`<p class="step-words">${words}${detail ? html` <span class="step-detail" lang=${ifDefined(IN_ENGLISH.includes(step.problem ?? "") ? "en" : undefined)}>${detail}</span>` : nothing}</p>` : nothing}
      </div>
    </li>`;
  }
}

/** How it stands all in all, in a sentence. @param {{ state: StepState, steps: Step[] }} diagnosis */
export function summary({ state, steps }) {
  const words = (/** @type {string} */ key, /** @type {Step | undefined} */ step) =>
    t(key, { step: step ? t(`step.${step.name.toLowerCase()}`) : "", words: step ? advice(step) : "" });
  if (state === "FAILED" || state === "STALE") return words("doctor.stuck", steps.find((step) => step.state === state));
  if (state === "WARNING") return words("doctor.but", steps.find((step) => step.state === state));
  if (state === "OK") return t("doctor.well");
  const next = steps.find((step) => step.state === "WAITING");
  return words(steps.every((step) => step.state === "WAITING") ? "doctor.silent" : "doctor.next", next);
}

/** What is wrong and what to do, or what brings the step about; in the hub's words where this page has none. @param {Step} step */
function advice({ name, problem, hint }) {
  const key = problem ? `problem.${problem.toLowerCase()}` : `step_next.${name.toLowerCase()}`;
  const words = t(key);
  return words === key ? hint : words;
}

/** @param {StepState} state */
function sign(state) {
  const signs = /** @type {const} */ ({ OK: "check", WARNING: "alert", FAILED: "close", STALE: "alert", SKIPPED: "skip", WAITING: "wait" });
  return html`<span class="step-sign">${icon(signs[state])}</span>`;
}
