import assert from "node:assert/strict";
import test from "node:test";
import { moment, niceStep, number, ticks } from "../../static/js/figures/units.js";

test("numbers read as people say them, like those of the server", () => {
  assert.equal(number(1.516, "×"), "1.52×");
  assert.equal(number(0.48, "share"), "48\u00a0%");
  assert.equal(number(0.0000035, "s"), "3.50\u00a0µs");
  assert.equal(number(11412), "11\u2009412");
  assert.equal(number(65536, "B"), "64\u00a0KiB");
  assert.equal(number(250, "ms"), "250\u00a0ms");
  assert.equal(number(4), "4");
  assert.equal(number(2.5, "/s"), "2.5\u00a0/s");
});

test("ticks are one, two or five times a power of ten apart", () => {
  assert.equal(niceStep(1, 10), 0.1);
  assert.equal(niceStep(1.6, 8), 0.2);
  assert.equal(niceStep(0.0043, 10), 0.0005);
});

test("ticks lie on multiples of their step, ends included", () => {
  assert.deepEqual(ticks(0, 1, 0.25), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(ticks(0.1, 0.9, 0.5), [0.5]);
});

test("a moment has no more digits than tell two ticks apart", () => {
  assert.equal(moment(0.02, 0.02), "20\u00a0ms");
  assert.equal(moment(1.5, 0.5), "1.5\u00a0s");
  assert.equal(moment(0.0000125, 0.0000005), "12.5\u00a0µs");
  assert.equal(moment(0, 0.1), "0\u00a0s");
});
