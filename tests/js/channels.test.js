import assert from "node:assert/strict";
import { test } from "node:test";
import { AutoScale, niceEnd, valuesOf } from "../../static/js/channels.js";

const core = (user, system = 0, steal = 0) => ({ user, system, steal });

test("a channel shows a core, a group of cores or what the whole machine does", () => {
  const sample = { cores: [core(0.5, 0.25), core(0, 0, 0.5), core(1, 0.5)], runnable: 3, switches_s: 2100 };
  const channels = [
    { kind: "cores", first: 0, end: 1 },
    { kind: "cores", first: 1, end: 3 },
    { kind: "runnable" },
    { kind: "switches" },
  ];
  assert.deepEqual(valuesOf(sample, channels), [0.75, 0.75, 3, 2100]);
});

test("a scale ends at a round number that holds the value", () => {
  assert.deepEqual([0, 1, 3, 5, 7, 1400, 60_000].map(niceEnd), [1, 1, 5, 5, 10, 2000, 100_000]);
});

test("a scale grows at once and shrinks when most of it is empty", () => {
  const scale = new AutoScale(5, 3);
  assert.equal(scale.take(2), 5);
  assert.equal(scale.take(12), 20);
  assert.equal(scale.take(7), 20);
  assert.equal(scale.take(7), 20);
  assert.equal(scale.take(3), 20);
  assert.equal(scale.take(3), 20);
  assert.equal(scale.take(3), 5);
});
