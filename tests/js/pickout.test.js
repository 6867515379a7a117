// A run that is picked out of a comparison: the others are faint, what belongs to none stays.
import assert from "node:assert/strict";
import test from "node:test";
import { pickedOut } from "../../static/js/figures/pickout.js";

const FIGURE = {
  data: [{ id: "A/threads" }, { id: "B/threads/band" }, { id: "reference:ideal" }],
  layout: {
    xaxis: { type: "log" },
    annotations: [{ name: "end:A/threads" }, { name: "end:B/threads" }, { name: "end:reference:ideal" }],
  },
};

const opacities = ({ data, layout }) => [...data, ...layout.annotations].map((part) => part.opacity);

test("traces and labels of the other runs step back", () => {
  assert.deepEqual(opacities(pickedOut(FIGURE, "A")), [1, 0.13, 1, 1, 0.13, 1]);
  assert.deepEqual(opacities(pickedOut(FIGURE, "B")), [0.13, 1, 1, 0.13, 1, 1]);
});

test("with no run picked out all come back, and nothing else has changed", () => {
  const back = pickedOut(pickedOut(FIGURE, "A"), null);
  assert.deepEqual(opacities(back), [1, 1, 1, 1, 1, 1]);
  assert.deepEqual(back.layout.xaxis, { type: "log" });
  assert.deepEqual(
    back.data.map((trace) => trace.id),
    ["A/threads", "B/threads/band", "reference:ideal"],
  );
});

test("a figure without labels is no error", () => {
  assert.deepEqual(pickedOut({ data: [], layout: {} }, "A"), { data: [], layout: { annotations: [] } });
});
