import { test } from "node:test";
import assert from "node:assert/strict";
import { isBlank } from "../../static/js/figures/blank.js";

const figure = (...data) => ({ data, layout: {} });

test("a figure without traces, or with lanes that nothing stands on yet, is blank", () => {
  assert.ok(isBlank(figure()));
  assert.ok(isBlank(figure({ id: "thread 1", label: "thread 1", start: [], end: [], state: [] })));
  assert.ok(isBlank(figure({ id: "threads", x: [], y: [] })));
});

test("a reference line alone says nothing of a run", () => {
  assert.ok(isBlank(figure({ id: "reference:ideal", x: [1, 4], y: [1, 4] })));
});

test("a guess alone is something to see", () => {
  assert.ok(!isBlank(figure({ id: "guess:threads", x: [1, 4], y: [1, 2.5] })));
});

test("a point, a span, a part, an edge, a node and a cell are something to see", () => {
  assert.ok(!isBlank(figure({ id: "threads", x: [1], y: [1] })));
  assert.ok(!isBlank(figure({ id: "thread 1", start: [0], end: [1], state: ["running"] })));
  assert.ok(!isBlank(figure({ id: "blocking", spans: [[0, 1, "thread", "running"]] })));
  assert.ok(!isBlank(figure({ id: "spinner 1", parts: [["running", 0.5]] })));
  assert.ok(!isBlank(figure({ id: "a-b", source: "ready", target: "running", count: 3 })));
  assert.ok(!isBlank(figure({ id: "stopped", nodes: [{ id: "thread 1" }], arrows: [] })));
  assert.ok(!isBlank({ data: [], layout: { cells: { "threads@2": { text: "1.0×" } } } }));
});
