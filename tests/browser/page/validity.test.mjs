import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsFor } from "./ui/validity.js";

const field = (wrong, more = {}) => ({ validity: { [wrong]: true }, min: "", max: "", minLength: -1, ...more });

test("each way in which a field can be wrong has words of the page's own", () => {
  const ways = ["badInput", "valueMissing", "typeMismatch", "tooShort", "rangeUnderflow", "rangeOverflow", "stepMismatch", "patternMismatch"];
  const keys = ways.map((way) => wordsFor(field(way, { min: "1", max: "9", minLength: 8 }))[0]);
  assert.deepEqual(keys.map((key) => key.slice(6)), ["number", "missing", "email", "short", "range", "range", "whole", "wrong"]);
  assert.deepEqual(wordsFor(field("rangeUnderflow", { min: "0" })), ["valid.least", { least: "0" }]);
  assert.deepEqual(wordsFor({ ...field("valueMissing"), validity: { valueMissing: true, typeMismatch: true } }), ["valid.missing"]);
});
