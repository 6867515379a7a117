import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, cell, perSecond, rough } from "../../static/js/format.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("a cell reads like a sentence's number", () => {
  assert.equal(cell(0.48, "share"), "48\u00a0%");
  assert.equal(cell(0.0123, "s"), "12.3\u00a0ms");
  assert.equal(cell(11412, ""), "11\u2009412");
  assert.equal(cell("thread 1", ""), "thread 1");
  assert.equal(cell(null, "s"), "–");
  assert.equal(cell(true, ""), "yes");
});

test("an expected time is not more exact than it is", () => {
  assert.equal(rough(0.42), "0.4\u00a0s");
  assert.equal(rough(6.7), "7\u00a0s");
  assert.equal(rough(180), "3\u00a0min");
});

test("rates are in thousands where they are", () => {
  assert.equal(perSecond(320), "320\u00a0/s");
  assert.equal(perSecond(2530), "2.5\u00a0k/s");
  assert.equal(perSecond(50_000), "50\u00a0k/s");
});

test("a moment of the last days is told from now", () => {
  const now = Date.UTC(2026, 10, 23, 12);
  assert.equal(ago(now - 20_000, now), "just now");
  assert.equal(ago(now - 2 * MINUTE, now), "2 min. ago");
  assert.equal(ago(now - 3 * HOUR, now), "3 hr. ago");
  assert.equal(ago(now - DAY, now), "yesterday");
  assert.equal(ago(now - 9 * DAY, now), null);
});
