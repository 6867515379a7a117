// The page applies patches as the server does: both read the same golden file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { apply } from "../../static/js/figures/patch.js";

const cases = JSON.parse(readFileSync(new URL("../golden/patches.json", import.meta.url)));

for (const { name, figure, patch, result } of cases) {
  test(name, () => {
    apply(figure, patch);
    assert.deepEqual(figure, result);
  });
}

test("a patch is not changed by what comes after it", () => {
  const figure = { data: [], layout: {} };
  const patch = [["trace", "a", { x: [] }]];
  apply(figure, patch);
  apply(figure, [["ext", "a", { x: [1] }]]);
  assert.deepEqual(patch, [["trace", "a", { x: [] }]]);
});
