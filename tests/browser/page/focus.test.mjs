import assert from "node:assert/strict";
import { test } from "node:test";
import { focusKeeper } from "./ui/focus.js";

globalThis.Node = class {
  isConnected = true;
};

test("the focus of what was taken away goes to the main part, unless somebody else leads it on", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [body, button, field, main] = [new Node(), new Node(), new Node(), new Node()];
  const page = { body, activeElement: body, addEventListener: (_, listener) => (page.told = listener) };
  const focus = (node) => ((page.activeElement = node), page.told({ target: node }));
  main.focus = () => focus(main);
  const drawn = focusKeeper(page, () => main);
  const pass = () => (drawn(), t.mock.timers.tick(1_000));

  pass(); // nothing has had it yet
  assert.equal(page.activeElement, body);
  focus(button);
  page.activeElement = body; // left by a click beside it
  pass();
  assert.equal(page.activeElement, body);
  button.isConnected = false;
  drawn();
  focus(field);
  t.mock.timers.tick(1_000);
  assert.equal(page.activeElement, field);
  field.isConnected = false;
  page.activeElement = body;
  pass();
  assert.equal(page.activeElement, main);
});
