import assert from "node:assert/strict";
import test from "node:test";
import { Ring, strokes } from "../../static/js/figures/scope.js";

const PLACE = { seconds: 10, width: 100, bottom: 50, height: 40, max: 1 };

function ringOf(samples, room) {
  const ring = new Ring(1, room);
  samples.forEach(([t, value]) => ring.push([value], t));
  return ring;
}

test("a ring keeps the newest samples and forgets the oldest", () => {
  const ring = ringOf(
    [
      [1, 0.1],
      [2, 0.2],
      [3, 0.3],
      [4, 0.4],
    ],
    3,
  );
  assert.deepEqual(
    ring.since(0).map((place) => ring.times[place]),
    [2, 3, 4],
  );
  assert.equal(ring.last(0), 0.4);
});

test("a line enters from the sample before the screen", () => {
  const ring = ringOf([
    [0, 0],
    [5, 0],
    [10, 0],
    [15, 0],
  ]);
  assert.deepEqual(
    ring.since(7).map((place) => ring.times[place]),
    [5, 10, 15],
  );
});

test("samples stand where their time and their value say", () => {
  const [line] = strokes(
    ringOf([
      [9, 0],
      [10, 0.5],
    ]),
    0,
    { ...PLACE, now: 10 },
  );
  assert.deepEqual(line, [
    [90, 50],
    [100, 30],
  ]);
});

test("a line breaks where samples are missing", () => {
  const ring = ringOf([
    [1, 0],
    [2, 0],
    [9, 0],
    [10, 0],
  ]);
  assert.deepEqual(
    strokes(ring, 0, { ...PLACE, now: 10 }).map((line) => line.length),
    [2, 2],
  );
});

test("a channel of whole numbers is drawn in steps", () => {
  const [line] = strokes(
    ringOf([
      [9, 0],
      [10, 1],
    ]),
    0,
    { ...PLACE, now: 10, step: true },
  );
  assert.deepEqual(line, [
    [90, 50],
    [100, 50],
    [100, 10],
  ]);
});

test("a held scope does not show what came later", () => {
  const [line] = strokes(
    ringOf([
      [8, 0],
      [9, 0],
      [10, 0],
    ]),
    0,
    { ...PLACE, now: 9 },
  );
  assert.equal(line.length, 2);
});

test("a value over the range stays on the screen", () => {
  const [line] = strokes(ringOf([[10, 99]]), 0, { ...PLACE, now: 10 });
  assert.ok(line[0][1] > 0);
});
