// @ts-check
/** An alert and a rule in words, with quantities in the reader's units; where evidence is missing, in the hub's own words. */
import { t } from "../../model/i18n.js";

/** @typedef {"LOW_BATTERY" | "LINK_LOST" | "AREA" | "HEIGHT" | "PROXIMITY"} Kind */
/** @typedef {{ longitude: number, latitude: number }} Corner */
/**
 * @typedef {{ id: string, kind: Kind, name: string, enabled: boolean, threshold: number | null, margin: number | null,
 *   area: Corner[] | null, onEnter: boolean | null }} Rule
 */
/** @typedef {import("../../model/units.js").Units} Units */

/** In the order in which they are offered. @type {Kind[]} */
export const KINDS = ["LOW_BATTERY", "HEIGHT", "PROXIMITY", "AREA", "LINK_LOST"];

/**
 * Drones by the names that they have now.
 * @param {{ kind: string, message: string, evidence?: any, drone: { name: string }, otherDrone?: { name: string } | null }} alert
 * @param {Units} units
 */
export function alertWords({ kind, message, evidence, drone: { name }, otherDrone: other }, units) {
  if (!evidence) return message;
  const { drone, otherDrone, rule, distance } = evidence;
  switch (kind) {
    case "LOW_BATTERY":
      return t("alert_says.low_battery", { name, value: units.percent(drone.battery?.capacityPercentLeft), limit: units.percent(rule.threshold) });
    case "HEIGHT":
      return t("alert_says.height", { name, value: units.height(drone.elevation), limit: units.height(rule.threshold) });
    case "PROXIMITY":
      return t("alert_says.proximity", { name, other: other?.name ?? otherDrone.name, value: units.distance(distance), limit: units.distance(rule.threshold) });
    case "AREA":
      return t(rule.onEnter ? "alert_says.inside" : "alert_says.outside", { name, area: rule.name });
    case "LINK_LOST":
      return t("alert_says.link_lost", { name });
    default:
      return message;
  }
}

/** When a rule warns, and when that ends. @param {Rule} rule @param {Units} units */
export function ruleWords({ kind, threshold, margin, area, onEnter }, units) {
  const [limit, spare] = [threshold ?? 0, margin ?? 0];
  switch (kind) {
    case "LOW_BATTERY":
      return t("rule_says.low_battery", { limit: units.percent(limit), clear: units.percent(limit + spare) });
    case "HEIGHT":
      return t("rule_says.height", { limit: units.height(limit), clear: units.height(limit - spare) });
    case "PROXIMITY":
      return t("rule_says.proximity", { limit: units.distance(limit), clear: units.distance(limit + spare) });
    case "AREA":
      return t(onEnter ? "rule_says.inside" : "rule_says.outside", { n: area?.length ?? 0, clear: units.distance(spare) });
    case "LINK_LOST":
      return t("rule_says.link_lost");
  }
}
