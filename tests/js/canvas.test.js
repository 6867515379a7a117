// The two canvases draw from end to end, on a page of stand-ins that takes every call.
import assert from "node:assert/strict";
import test from "node:test";

const calls = [];

// A context that notes what it is asked, and measures text.
const context = new Proxy(
  { measureText: (words) => ({ width: words.length * 7 }) },
  { get: (known, name) => known[name] ?? ((...given) => calls.push([name, ...given])) },
);

function stub() {
  const attributes = {};
  return {
    style: {},
    classList: { add() {}, remove() {} },
    clientWidth: 800,
    getContext: () => context,
    setAttribute: (name, value) => (attributes[name] = value),
    getAttribute: (name) => attributes[name],
    addEventListener() {},
    append() {},
    prepend() {},
    remove() {},
    replaceChildren() {},
  };
}

Object.assign(globalThis, {
  document: { createElement: stub, getElementById: () => null, documentElement: { dataset: {} }, addEventListener() {}, removeEventListener() {} },
  devicePixelRatio: 1,
  getComputedStyle: () => ({ getPropertyValue: () => "#112233" }),
  requestAnimationFrame: () => 1,
  cancelAnimationFrame() {},
  ResizeObserver: class {
    observe() {}
    disconnect() {}
  },
  ImageData: class {
    constructor(width, height) {
      this.data = new Uint8ClampedArray(width * height * 4);
    }
  },
});

const { Scope } = await import("../../static/js/figures/scope.js");
const { Timeline } = await import("../../static/js/figures/timeline.js");

const named = (name) => calls.filter(([call]) => call === name);
const texts = () => named("fillText").map(([, words]) => words);

test("a scope draws its lines and names its channels", () => {
  calls.length = 0;
  const scope = new Scope(stub(), [{ label: "cpu0", max: 1 }, { label: "runnable", max: 8, step: true }]);
  [1, 2, 3].forEach((t) => scope.push([0.5, t], t));
  scope.draw();
  assert.ok(texts().includes("cpu0") && texts().includes("runnable"));
  assert.equal(named("arc").length, 2);
});

test("a scope without samples draws its screen", () => {
  calls.length = 0;
  new Scope(stub(), [{ label: "cpu0", max: 1 }]).draw();
  assert.ok(texts().includes("cpu0"));
});

const states = [
  { id: "running", label: "running", height: 1, hatch: false },
  { id: "gil", label: "waiting for the GIL", height: 0.58, hatch: true },
];

function timelineOf(trace) {
  const layout = { states, t0: 0, t1: 1, marks: [{ t: 0.5 }], note: "" };
  return new Timeline(stub(), { data: [trace], layout, summary: "One lane." });
}

const lane = (start, end, state) => ({ id: "t1", label: "thread 1", group: "threads", start, end, state });

test("a timeline draws lanes, groups and moments, and tells what it shows", () => {
  calls.length = 0;
  const timeline = timelineOf(lane([0, 0.4], [0.4, 1], ["running", "gil"]));
  timeline.draw();
  assert.ok(texts().includes("thread 1") && texts().includes("threads"));
  assert.deepEqual(timeline.modes, ["spans"]);
  assert.match(timeline.canvas.getAttribute("aria-label"), /^One lane\./);
});

test("a timeline takes spans that arrive later and knows the state of every lane", () => {
  const trace = lane([0], [0.4], ["running"]);
  const timeline = timelineOf(trace);
  trace.start.push(0.4);
  trace.end.push(1);
  trace.state.push("gil");
  timeline.update();
  timeline.draw();
  assert.deepEqual(timeline.statesAt(0.2), { t1: "running" });
  assert.deepEqual(timeline.statesAt(0.7), { t1: "gil" });
});

test("a timeline that shows all follows what arrives; one that is zoomed stays where it is", () => {
  const timeline = timelineOf(lane([0], [1], ["running"]));
  timeline.figure.layout.t1 = 2;
  timeline.update();
  assert.deepEqual(timeline.view, { from: 0, to: 2 });
  timeline.zoom(0.5);
  const before = timeline.view;
  timeline.figure.layout.t1 = 3;
  timeline.update();
  assert.deepEqual(timeline.view, before);
});
