import assert from "node:assert/strict";
import { test } from "node:test";
import { statesIn } from "../../static/js/legend.js";

const states = [{ id: "running" }, { id: "gil" }, { id: "ready" }, { id: "blocked" }];
const ids = (spec) => statesIn({ layout: { states }, ...spec }).map((state) => state.id);

test("a legend has the states that occur, in the order of the layout", () => {
  assert.deepEqual(ids({ kind: "timeline", data: [{ state: ["ready", "running"] }, { state: ["running"] }] }), ["running", "ready"]);
  assert.deepEqual(ids({ kind: "shares", data: [{ parts: [["gil", 0.4], ["ready", 0]] }] }), ["gil"]);
  assert.deepEqual(ids({ kind: "flow", data: [{ spans: [["program", 0, 1, "blocked", "read"]] }] }), ["blocked"]);
});

test("a chart of lines has no legend of states", () => {
  assert.deepEqual(ids({ kind: "plotly", data: [{ x: [1], y: [2] }] }), []);
});
