import assert from "node:assert/strict";
import test from "node:test";
import { css, literal, resolve, rgb } from "../../static/js/figures/roles.js";

const TOKENS = { "--ink": "#112233", "--en-threads": "#b23a08", "--mono": "Menlo" };
const token = (name) => TOKENS[name];

test("a role in the page follows the theme", () => {
  assert.equal(css("$en-threads"), "var(--en-threads)");
  assert.equal(css("$ink/0.16"), "color-mix(in srgb, var(--ink) 16%, transparent)");
});

test("a role in a file is the colour that the token has now", () => {
  assert.equal(literal("$en-threads", token), "#b23a08");
  assert.equal(literal("$ink/0.5", token), "rgba(17,34,51,0.5)");
});

test("what is no role stays as it is", () => {
  assert.equal(css("none"), "none");
  assert.equal(literal("costs $5", token), "costs $5");
  assert.equal(literal(4, token), 4);
});

test("roles are resolved however deep they stand", () => {
  const spec = { line: { color: "$ink" }, marker: { color: ["$ink", "$en-threads"] }, x: [1, null] };
  assert.deepEqual(resolve(spec, token), {
    line: { color: "#112233" },
    marker: { color: ["#112233", "#b23a08"] },
    x: [1, null],
  });
});

test("colours of three and of six digits are the same", () => {
  assert.deepEqual(rgb("#abc"), rgb("#aabbcc"));
});
