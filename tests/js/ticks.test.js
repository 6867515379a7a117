// Which ticked runs can be compared.
import assert from "node:assert/strict";
import test from "node:test";
import { ticks } from "../../static/js/ticks.js";

test("nothing ticked cannot be compared, one leads to a choice, two to four of one experiment stand side by side", () => {
  assert.deepEqual(ticks([]), { ok: false, says: "Tick two to four runs of one experiment." });
  assert.deepEqual(ticks(["a"]), { ok: true, says: "1 run is ticked" });
  assert.deepEqual(ticks(["a", "a", "a", "a"]), { ok: true, says: "4 runs are ticked" });
});

test("runs of different experiments and more than four are told why they are not compared", () => {
  assert.deepEqual(ticks(["a", "b"]), { ok: false, says: "The ticked runs are of different experiments." });
  assert.deepEqual(ticks(Array(5).fill("a")), { ok: false, says: "Four runs at most stand side by side." });
});
