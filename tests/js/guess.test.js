import assert from "node:assert/strict";
import test from "node:test";
import { Guess } from "../../static/js/guess/guess.js";
import { apart, aside, lineFrame, nearest, under } from "../../static/js/guess/layout.js";
import { Memory } from "../../static/js/guess/memory.js";
import { equal, share } from "../../static/js/guess/parts.js";
import { pointName, spokenHandle, state } from "../../static/js/guess/says.js";
import { Scale } from "../../static/js/guess/scale.js";

const speedUp = { kind: "line", unit: "×", low: 0, high: 8, log: false, starts: [1, 1], x_about: "workers" };
const points = (...keys) =>
  keys.map((key) => ({ key, series: key.split("@")[0], x: key.includes("@") ? Number(key.split("@")[1]) : null }));
const line = { ...speedUp, points: points("threads@2", "threads@4", "processes@2", "processes@4") };
const shares = { kind: "bars", unit: "share", low: 0, high: 1, log: false, whole: 1 };
const states = { ...shares, points: points("running", "ready", "blocked") };
const choice = { kind: "choice", points: points("choice"), choices: { blocking: "Blocking", asynchronous: "io_uring" } };

// ---- the axis

test("a linear axis has at least a hundred steps, and a page is ten of them", () => {
  const scale = new Scale({ low: 0, high: 8, unit: "×" });
  assert.equal(scale.step, 0.1);
  assert.equal(scale.key(2.5, "ArrowUp"), 2.6);
  assert.equal(scale.key(2.5, "ArrowLeft"), 2.4);
  assert.equal(scale.key(2.5, "PageUp"), 3.5);
  assert.equal(scale.key(2.5, "Home"), 0);
  assert.equal(scale.key(2.5, "End"), 8);
  assert.equal(scale.key(2.5, "a"), null);
});

test("keys stop at the ends of the axis", () => {
  const scale = new Scale({ low: 0.5, high: 8, unit: "×" });
  assert.equal(scale.key(0.5, "PageDown"), 0.5);
  assert.equal(scale.key(7.9, "PageUp"), 8);
});

test("a value and its place agree on both kinds of axis", () => {
  const linear = new Scale({ low: 0, high: 8 });
  assert.equal(linear.place(2), 0.25);
  assert.equal(linear.value(0.25), 2);
  const log = new Scale({ low: 0.001, high: 10, log: true });
  assert.equal(log.place(0.1), 0.5);
  assert.equal(log.value(0.5), 0.1);
});

test("a place outside the pad is its end", () => {
  const scale = new Scale({ low: 0, high: 8 });
  assert.equal(scale.value(-3), 0);
  assert.equal(scale.value(7), 8);
});

test("arrows walk a logarithmic axis and come back the same way", () => {
  const scale = new Scale({ low: 0.001, high: 10, log: true, unit: "s" });
  const up = [];
  for (let value = 0.001; value < 0.01; value = scale.key(value, "ArrowUp")) {
    up.push(value);
  }
  assert.deepEqual(up, [0.001, 0.0012, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.006, 0.008]);
  assert.equal(scale.key(0.002, "ArrowDown"), 0.0015);
  assert.equal(scale.key(0.002, "PageUp"), 0.02);
});

test("a handle starts half way along the axis, which says nothing of what is likely", () => {
  assert.equal(new Scale({ low: 0, high: 8 }).middle, 4);
  assert.equal(new Scale({ low: 0.001, high: 10, log: true }).middle, 0.1);
});

test("marks are few and round", () => {
  assert.deepEqual(new Scale({ low: 0, high: 8 }).marks, [0, 2, 4, 6, 8]);
  assert.deepEqual(new Scale({ low: 0.001, high: 10, log: true }).marks, [0.001, 0.01, 0.1, 1, 10]);
});

test("values are said with the digits of a step", () => {
  assert.equal(new Scale({ low: 0, high: 8, unit: "×" }).say(2.6), "2.6×");
  assert.equal(new Scale({ low: 0, high: 1, unit: "share" }).say(0.07), "7\u00a0%");
  assert.equal(new Scale({ low: 0.0001, high: 1, log: true, unit: "s" }).say(0.005), "5.00\u00a0ms");
});

// ---- parts of a whole

test("equal parts add up even where they cannot be equal", () => {
  assert.deepEqual(equal(3, 1, 0.01), [0.34, 0.33, 0.33]);
});

test("what nobody set makes room, what was set stays", () => {
  const isSet = [true, false, false];
  assert.deepEqual(share([0.6, 0.2, 0.2], 1, 0.3, { whole: 1, step: 0.01, isSet }), [0.6, 0.3, 0.1]);
});

test("once everything is set the others give in proportion", () => {
  const isSet = [true, true, true];
  assert.deepEqual(share([0.6, 0.3, 0.1], 2, 0.4, { whole: 1, step: 0.01, isSet }), [0.4, 0.2, 0.4]);
});

test("whatever is dragged wherever, the parts add up and none is below nothing", () => {
  let state = 12345; // a small generator, so that a failure can be repeated
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 2000; round += 1) {
    const count = 2 + Math.floor(random() * 5);
    let parts = equal(count, 1, 0.01);
    const isSet = Array(count).fill(false);
    for (let move = 0; move < 8; move += 1) {
      const at = Math.floor(random() * count);
      const value = Math.round(random() * 120 - 10) / 100;
      parts = share(parts, at, value, { whole: 1, step: 0.01, isSet });
      isSet[at] = true;
      const total = parts.reduce((sum, part) => sum + part, 0);
      assert.ok(Math.abs(total - 1) < 1e-9, `${parts}`);
      assert.ok(parts.every((part) => part >= 0 && part <= 1), `${parts}`);
      assert.equal(parts[at], Math.min(1, Math.max(0, value)));
    }
  }
});

// ---- the guess

test("a fresh guess stands in the middle and does not count", () => {
  const guess = new Guess(line);
  assert.deepEqual(guess.values, { "threads@2": 4, "threads@4": 4, "processes@2": 4, "processes@4": 4 });
  assert.equal(guess.given(), null);
  assert.equal(guess.left.length, 4);
});

test("a guess counts once every point was set", () => {
  const guess = new Guess(line);
  guess.put("threads@2", 1.04);
  guess.put("threads@4", 1);
  guess.put("processes@2", 2);
  assert.equal(guess.given(), null);
  assert.deepEqual(guess.left, ["processes@4"]);
  guess.put("processes@4", 99);
  assert.deepEqual(guess.given(), { "threads@2": 1, "threads@4": 1, "processes@2": 2, "processes@4": 8 });
});

test("locked in, points that nobody moved count where they stand", () => {
  const guess = new Guess(line);
  guess.put("threads@2", 1);
  assert.equal(guess.lock(), true);
  assert.deepEqual(guess.given(), { "threads@2": 1, "threads@4": 4, "processes@2": 4, "processes@4": 4 });
});

test("an answer has to be chosen before it can be locked in", () => {
  const guess = new Guess(choice);
  assert.equal(guess.lock(), false);
  assert.equal(guess.given(), null);
  guess.put("choice", "blocking");
  assert.deepEqual(guess.given(), { choice: "blocking" });
});

test("of parts of a whole the last one follows from the others", () => {
  const guess = new Guess(states);
  guess.put("running", 0.2);
  assert.equal(guess.given(), null);
  guess.put("blocked", 0.7);
  assert.deepEqual(guess.given(), { running: 0.2, ready: 0.1, blocked: 0.7 });
});

test("a guess comes back from memory as it was", () => {
  const guess = new Guess(line);
  guess.put("threads@2", 1);
  const again = new Guess(line, JSON.parse(JSON.stringify(guess.kept())));
  assert.deepEqual(again.values, guess.values);
  assert.deepEqual(again.left, guess.left);
  const parts = new Guess(states);
  parts.put("running", 0.2);
  assert.deepEqual(new Guess(states, parts.kept()).values, { running: 0.2, ready: 0.4, blocked: 0.4 });
});

test("on a pad for other parameters what still fits is kept and the rest is neutral", () => {
  const guess = new Guess(line);
  guess.keys.forEach((key) => guess.put(key, 3));
  const wider = guess.moved({ ...speedUp, high: 16, points: points("threads@2", "threads@8") });
  assert.deepEqual(wider.values, { "threads@2": 3, "threads@8": 8 });
  assert.deepEqual(wider.left, ["threads@8"]);
  const narrower = guess.moved({ ...speedUp, high: 2, points: points("threads@2") });
  assert.deepEqual(narrower.left, ["threads@2"]);
});

test("nonsense in the memory is no guess", () => {
  const kept = { values: { "threads@2": "2", "threads@4": 99, other: 1 }, set: ["threads@2", "threads@4", "other"] };
  assert.equal(new Guess(line, kept).left.length, 4);
  assert.equal(new Guess(choice, { values: { choice: "none" }, set: ["choice"] }).given(), null);
});

// ---- what it says

const named = { ...line, about: "workers", labels: { threads: "threads", processes: "processes" } };
const before = { isCovered: false, went: false, known: "" };

test("a handle says its series, its place and its value", () => {
  const guess = new Guess(named);
  assert.equal(pointName(named, named.points[1]), "threads at 4 workers");
  assert.equal(spokenHandle(guess, "threads@4"), "4 times, not set yet");
  guess.put("threads@4", 2.6);
  assert.equal(spokenHandle(guess, "threads@4"), "2.6 times");
});

test("the pad says what is still to do, the last points by name", () => {
  const guess = new Guess(named);
  assert.equal(state(guess, before), "4 points to set.");
  guess.put("threads@2", 1);
  assert.equal(state(guess, before), "3 points to set.");
  guess.put("threads@4", 1);
  guess.put("processes@2", 2);
  assert.equal(state(guess, before), "Still to set: processes at 4 workers.");
  guess.put("processes@4", 2);
  assert.equal(state(guess, before), "All set. It goes with the next run.");
  assert.equal(state(guess, { ...before, isCovered: true }), "All set. Lock it in to see what was measured.");
  guess.lock();
  assert.equal(state(guess, before), "Locked in. It goes with the next run.");
  assert.equal(state(guess, { ...before, went: true }), "Your guess went with this run.");
});

// ---- what a browser remembers

function storage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, text) => items.set(key, text),
    removeItem: (key) => items.delete(key),
  };
}

test("a tab remembers guesses and covered runs, a browser that somebody has guessed or skipped", () => {
  const [tab, another, browser] = [storage(), storage(), storage()];
  const here = new Memory("threads.scaling", () => tab, () => browser);
  const there = new Memory("threads.scaling", () => another, () => browser);
  here.kept = { values: { value: 1 }, set: ["value"], locked: false };
  here.cover("0123456789", true);
  here.known = "skipped";
  assert.deepEqual(here.kept, { values: { value: 1 }, set: ["value"], locked: false });
  assert.equal(here.isCovered("0123456789"), true);
  assert.equal(there.isCovered("0123456789"), false);
  assert.deepEqual(there.kept, {});
  assert.equal(there.known, "skipped");
  here.cover("0123456789", false);
  assert.equal(here.isCovered("0123456789"), false);
});

test("where storing is forbidden the page remembers for itself", () => {
  const forbidden = () => {
    throw new Error("SecurityError");
  };
  const memory = new Memory("threads.scaling", forbidden, forbidden);
  assert.equal(memory.known, "");
  assert.deepEqual(memory.kept, {});
  memory.known = "guessed";
  memory.kept = { values: {} };
  assert.equal(memory.known, "guessed");
  assert.deepEqual(memory.kept, { values: {} });
  memory.known = "";
  assert.equal(memory.known, "");
});

// ---- places on the pad

test("a line pad has a column for the start and one for each place", () => {
  const frame = lineFrame(line, { width: 400, height: 300, labelWidth: 100 });
  assert.deepEqual(frame.columns, [1, 2, 4]);
  assert.deepEqual([...frame.x.values()], [44, 172, 300]);
});

test("a line pad leaves room for long marks at its axis", () => {
  const frame = lineFrame(line, { width: 400, height: 300, labelWidth: 100, markWidth: 52 });
  assert.equal(frame.box.left, 68);
});

test("handles at one height stand side by side, others on their line", () => {
  assert.deepEqual(aside([100, 100, 100]), [-16, 0, 16]);
  assert.deepEqual(aside([100, 200]), [0, 0]);
  assert.deepEqual(aside([100, 105, 200]), [-8, 8, 0]);
});

test("names keep their distance and stay in order", () => {
  assert.deepEqual(apart([100, 100], 16), [92, 108]);
  assert.deepEqual(apart([50, 100], 16), [50, 100]);
  assert.deepEqual(apart([100, 104, 112], 16), [268 / 3, 316 / 3, 364 / 3]);
});

test("a click means the nearest handle of the nearest column", () => {
  const handles = [
    { key: "a", column: 100, x: 92, y: 50 },
    { key: "b", column: 100, x: 108, y: 50 },
    { key: "c", column: 200, x: 200, y: 200 },
  ];
  assert.equal(nearest(handles, { x: 110, y: 190 }).key, "b");
  assert.equal(nearest(handles, { x: 180, y: 50 }).key, "c");
  assert.equal(under(handles, { x: 90, y: 55 }).key, "a");
  assert.equal(under(handles, { x: 150, y: 120 }), null);
});
