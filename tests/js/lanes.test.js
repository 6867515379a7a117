import assert from "node:assert/strict";
import test from "node:test";
import {
  clamp,
  frame,
  inGroups,
  Lane,
  layoutLane,
  panned,
  spanAt,
  stateAt,
  sumColumns,
  visible,
  zoomed,
} from "../../static/js/figures/lanes.js";

const STATES = [
  { id: "running", height: 1 },
  { id: "ready", height: 0.5 },
];
const CODES = new Map([
  ["running", 0],
  ["ready", 1],
]);

// lane([[0, 1, "running"], …])
function lane(spans) {
  const trace = {
    id: "t",
    start: spans.map(([start]) => start),
    end: spans.map(([, end]) => end),
    state: spans.map(([, , state]) => state),
  };
  const made = new Lane(trace);
  made.catchUp(trace, CODES);
  return made;
}

function drawn(spans, width, view) {
  const rectangles = [];
  const how = layoutLane(lane(spans), STATES, view, width, (...rectangle) => rectangles.push(rectangle));
  return { how, rectangles };
}

const alternating = (count) =>
  Array.from({ length: count }, (_, n) => [n / count, (n + 1) / count, n % 2 ? "ready" : "running"]);

test("few spans are drawn one by one, each as high as its state", () => {
  const { how, rectangles } = drawn(
    [
      [0, 0.5, "running"],
      [0.5, 1, "ready"],
    ],
    100,
    { from: 0, to: 1 },
  );
  assert.equal(how, "spans");
  assert.deepEqual(rectangles, [
    [0, 50, 0, 0, 1],
    [50, 50, 1, 0, 0.5],
  ]);
});

test("a gap between spans stays empty", () => {
  const { rectangles } = drawn(
    [
      [0, 0.2, "running"],
      [0.8, 1, "running"],
    ],
    100,
    { from: 0, to: 1 },
  );
  assert.deepEqual(
    rectangles.map(([x, width]) => [Math.round(x), Math.round(width)]),
    [
      [0, 20],
      [80, 20],
    ],
  );
});

test("only the visible part of a span is drawn", () => {
  const { rectangles } = drawn([[0, 10, "running"]], 100, { from: 4, to: 6 });
  assert.deepEqual(rectangles, [[0, 100, 0, 0, 1]]);
});

test("dense spans become shares whose sum is the time that was spent", () => {
  const { how, rectangles } = drawn(alternating(10_000), 50, { from: 0, to: 1 });
  assert.equal(how, "shares");
  const height = (state) =>
    rectangles.filter((r) => r[2] === state).reduce((sum, r) => sum + r[1] * (r[4] - r[3]), 0);
  assert.ok(Math.abs(height(0) / 50 - 0.5) < 0.01);
  assert.ok(Math.abs(height(1) / 50 - 0.25) < 0.01);
});

test("slices nearly as long as a pixel draw no pattern of their own", () => {
  const { rectangles } = drawn(alternating(1050), 1000, { from: 0, to: 1 });
  const running = rectangles.filter((r) => r[2] === 0).map((r) => r[4] - r[3]);
  assert.ok(Math.max(...running) - Math.min(...running) < 0.3);
});

test("dense neighbours of one state join into one rectangle", () => {
  const spans = Array.from({ length: 1000 }, (_, n) => [n / 1000, (n + 1) / 1000, "running"]);
  assert.deepEqual(drawn(spans, 50, { from: 0, to: 1 }).rectangles, [[0, 50, 0, 0, 1]]);
});

test("columns hold as much time as the view is wide", () => {
  const made = lane(alternating(777));
  const [first, last] = visible(made, 0.1, 0.9);
  const sums = sumColumns(made, first, last, 2, { from: 0.1, to: 0.9 }, 64);
  assert.ok(Math.abs(sums.reduce((sum, value) => sum + value, 0) - 64) < 0.01);
});

test("a lane catches up with a trace that grows beyond its room", () => {
  const trace = { id: "t", start: [], end: [], state: [] };
  const made = new Lane(trace);
  for (let n = 0; n < 1000; n += 1) {
    trace.start.push(n);
    trace.end.push(n + 1);
    trace.state.push("ready");
    if (n % 7 === 0) {
      made.catchUp(trace, CODES);
    }
  }
  made.catchUp(trace, CODES);
  assert.equal(made.count, 1000);
  assert.equal(made.end[999], 1000);
  assert.equal(made.state[999], 1);
});

test("the state at a moment is that of the span around it, or nothing", () => {
  const made = lane([
    [0, 1, "running"],
    [2, 3, "ready"],
  ]);
  assert.equal(stateAt(made, 0.5), 0);
  assert.equal(stateAt(made, 2.5), 1);
  assert.equal(stateAt(made, 1.5), -1);
  assert.equal(spanAt(made, 99), -1);
});

test("a view stays inside the whole, however far it is moved or zoomed", () => {
  const whole = { from: 0, to: 10 };
  assert.deepEqual(clamp({ from: -5, to: 0 }, whole), { from: 0, to: 5 });
  assert.deepEqual(panned({ from: 8, to: 10 }, whole, 3), { from: 8, to: 10 });
  assert.deepEqual(zoomed({ from: 2, to: 4 }, whole, 100), whole);
});

test("zooming keeps the moment under the pointer where it is", () => {
  const { from, to } = zoomed({ from: 0, to: 10 }, { from: 0, to: 10 }, 0.5, 8);
  assert.equal((8 - from) / (to - from), 0.8);
  assert.equal(to - from, 5);
});

test("lanes of a group stand together in the order of their appearance", () => {
  const traces = [
    ["a", "x"],
    ["b", "y"],
    ["c", "x"],
  ].map(([id, group]) => ({ id, group }));
  assert.deepEqual(
    inGroups(traces).map((trace) => trace.id),
    ["a", "c", "b"],
  );
});

test("on a narrow screen labels stand above their lanes instead of being cut", () => {
  const lanes = [{ group: "" }, { group: "" }];
  const wide = frame(lanes, 1000, 80);
  const narrow = frame(lanes, 300, 80);
  assert.equal(wide.above, false);
  assert.ok(wide.left >= 80);
  assert.equal(narrow.above, true);
  assert.equal(narrow.left, 1);
  assert.ok(narrow.rows[0].y - narrow.rows[0].label >= 14);
});

test("sixty-four lanes are thinner than four", () => {
  const many = Array.from({ length: 64 }, () => ({ group: "" }));
  assert.ok(frame(many, 1000, 80).height < 1050);
  assert.ok(frame(many, 1000, 80).laneHeight < frame(many.slice(0, 4), 1000, 80).laneHeight);
});

test("lanes become thinner where the height wants it, but labels never touch", () => {
  const lanes = Array.from({ length: 8 }, () => ({ group: "", label: "a" }));
  const free = frame(lanes, 1000, 80);
  const tight = frame(lanes, 1000, 80, { room: 180 });
  assert.ok(free.height > 180);
  assert.ok(tight.height <= 190, `${tight.height}`);
  assert.ok(tight.laneHeight < free.laneHeight);
  const [first, second] = frame(lanes, 1000, 80, { room: 10 }).rows;
  assert.ok(second.y - first.y >= 15);
  assert.deepEqual(frame(lanes, 1000, 80, { room: 5000 }), free);
});

test("larger letters have thinner lanes where the height wants it: on a slide nothing is cut", () => {
  const lanes = Array.from({ length: 22 }, (_, n) => ({ group: "abcd"[Math.floor(n / 6)] }));
  assert.ok(frame(lanes, 1280, 180, { font: 14 }).height > 570);
  const slide = frame(lanes, 1280, 180, { font: 14, room: 570 });
  assert.ok(slide.height <= 570, `${slide.height}`);
  assert.ok(slide.rows[1].y - slide.rows[0].y >= 14 * 1.2);
});
