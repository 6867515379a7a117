import assert from "node:assert/strict";
import test from "node:test";
import { bare, decades, dress, ranges, spread, thin } from "../../static/js/figures/plotting.js";

const measure = (words, size = 12) => words.length * size * 0.6;

const label = (name, x, y) => ({
  name: `end:${name}`,
  x,
  y,
  text: `<b>${name}</b> 1.00×`,
  font: { color: "$ch1" },
});

function lines({ annotations = [], ...axes } = {}) {
  return {
    data: [{ id: "a", type: "scatter", x: [1, 2, 4], y: [1, 1.5, 2] }],
    layout: {
      title: { text: "?" },
      xaxis: { type: "linear", title: { text: "workers" }, tickvals: [1, 2, 4], ticktext: ["1", "2", "4"] },
      yaxis: { type: "linear", title: { text: "speed-up (×)" }, rangemode: "tozero" },
      annotations,
      ...axes,
    },
  };
}

const ends = (dressed) => dressed.layout.annotations.filter((note) => note.name?.startsWith("end:"));

test("labels that are apart stay where they want to be", () => {
  assert.deepEqual(spread([10, 50, 90], 18, 0, 100), [10, 50, 90]);
});

test("labels that collide keep their order and their distance", () => {
  const placed = spread([52, 50, 51], 18, 0, 100);
  assert.deepEqual(placed, [69, 33, 51]);
});

test("labels at the edge move inwards", () => {
  assert.deepEqual(spread([99, 100], 18, 0, 100), [82, 100]);
  assert.deepEqual(spread([0, 0, 0], 18, 0, 100), [0, 18, 36]);
});

test("more labels than fit share the room", () => {
  const placed = spread([5, 5, 5, 5], 18, 0, 30);
  assert.deepEqual(placed.map(Math.round), [0, 10, 20, 30]);
});

test("ticks are left out where they would touch, but not the last one", () => {
  assert.deepEqual(thin([0, 10, 20, 30, 100], [25, 25, 25, 25, 25]), [0, 3, 4]);
  assert.deepEqual(thin([0, 100], [25, 25]), [0, 1]);
  assert.deepEqual(thin([], []), []);
});

test("an axis from zero starts at zero and holds all that is drawn", () => {
  const [x, y] = ranges(lines().data, lines().layout);
  assert.equal(y.low, 0);
  assert.ok(y.high > 2);
  assert.ok(x.low < 1 && x.high > 4);
});

test("a logarithmic axis counts in powers of ten and leaves out what it cannot show", () => {
  const data = [{ x: [1, 10, 1000], y: [0, 1, 100] }];
  const [x, y] = ranges(data, { xaxis: { type: "log" }, yaxis: { type: "log" } });
  assert.ok(x.low < 0 && x.high > 3);
  assert.ok(y.low > -1 && y.low < 0 && y.high > 2);
});

test("logarithmic ticks get fewer digits where there are many decades", () => {
  assert.deepEqual(decades(0, 1, 10), [1, 2, 3, 5, 7, 10]);
  assert.deepEqual(decades(0, 2, 7), [1, 2, 5, 10, 20, 50, 100]);
  assert.deepEqual(decades(0, 3, 4), [1, 10, 100, 1000]);
  assert.ok(decades(0, 12, 4).length <= 4 + 1);
});

test("on a wide screen lines are labelled at their ends, apart from each other", () => {
  const dressed = dress(lines({ annotations: [label("a", 4, 2), label("b", 4, 2)] }), {
    width: 900,
    height: 318,
    measure,
  });
  const shifts = ends(dressed).map((note) => note.yshift);
  assert.ok(Math.abs(shifts[0] - shifts[1]) >= 17);
  assert.ok(dressed.layout.margin.r > measure("a 1.00×", 13));
  assert.deepEqual(dressed.key, []);
});

test("on a narrow screen the labels stand in a key below", () => {
  const dressed = dress(lines({ annotations: [label("a", 4, 2)] }), { width: 350, height: 318, measure });
  assert.deepEqual(ends(dressed), []);
  assert.deepEqual(dressed.key, [{ text: "a 1.00×", color: "$ch1", dash: "solid" }]);
});

test("in the key a line has the dashes that it has in the chart", () => {
  const runs = { A: "solid", B: "dash", C: "dot", D: "dashdot" };
  const figure = lines({ annotations: Object.keys(runs).map((run) => label(`${run}/a`, 4, 2)) });
  figure.data = Object.entries(runs).map(([run, dash]) => ({ id: `${run}/a`, x: [1, 4], y: [1, 2], line: { dash } }));
  const { key } = dress(figure, { width: 350, height: 318, measure });
  assert.deepEqual(
    key.map((entry) => entry.dash),
    Object.values(runs),
  );
});

test("the title of the y axis lies flat above it, in as many lines as it needs", () => {
  const long = "from the barrier to the end of the last worker, as the slowest of them saw it (s)";
  const figure = lines({ yaxis: { type: "linear", title: { text: long } } });
  const { annotations, margin } = dress(figure, { width: 350, height: 318, measure }).layout;
  const shown = annotations[0].text.split("<br>");
  assert.equal(shown.join(" "), long);
  assert.ok(shown.every((line) => measure(line) <= 350));
  assert.ok(margin.t >= shown.length * 16);
});

test("names of categories are slanted where they would touch", () => {
  const names = ["blocking", "non-blocking", "multiplexed", "signal-driven"];
  const figure = {
    data: [{ id: "a", type: "bar", x: names, y: [1, 2, 3, 4], marker: { color: "$ch1" } }],
    layout: {
      xaxis: { type: "category", categoryarray: names, title: { text: "model" } },
      yaxis: { type: "linear" },
    },
  };
  assert.equal(dress(figure, { width: 1000, height: 318, measure }).layout.xaxis.tickangle, 0);
  assert.ok(dress(figure, { width: 340, height: 318, measure }).layout.xaxis.tickangle < 0);
});

test("grouped bars get a key with their patterns", () => {
  const bar = (id, shape) => ({
    id,
    name: id,
    type: "bar",
    x: ["1"],
    y: [1],
    marker: { color: "$ch1", pattern: { shape } },
  });
  const figure = {
    data: [bar("a", ""), bar("b", "/")],
    layout: { xaxis: { type: "category" }, yaxis: { type: "linear" } },
  };
  assert.deepEqual(
    dress(figure, { width: 900, height: 318, measure }).key.map((entry) => entry.pattern),
    ["", "/"],
  );
});

const WAYS = Array.from({ length: 16 }, (_, n) => `way number ${n}`);

function groups(...names) {
  const bar = (id) => ({ id, name: id, type: "bar", x: WAYS, y: WAYS.map((_, n) => n + 1), marker: { color: "$ch1" } });
  return {
    data: names.map(bar),
    layout: {
      xaxis: { type: "category", categoryarray: WAYS, title: { text: "way" } },
      yaxis: { type: "log", ticksuffix: "s", title: { text: "there and back" } },
    },
  };
}

test("where even slanted names would be crowded bars lie beside them, as high as they need", () => {
  const first = dress(groups("one", "two"), { width: 316, height: 318, measure });
  assert.ok(first.least > 16 * 22);
  const { data, layout } = dress(groups("one", "two"), { width: 316, height: first.least, measure });
  assert.deepEqual([data[0].orientation, data[0].y, data[0].x[15]], ["h", WAYS, 16]);
  assert.equal(layout.xaxis.type, "log");
  assert.ok(layout.xaxis.tickvals.length >= 2);
  assert.deepEqual([layout.yaxis.type, layout.yaxis.tickangle, layout.yaxis.range], ["category", 0, [15.5, -0.5]]);
  assert.ok(layout.margin.l > measure(WAYS[15], 11.5));
  assert.ok(layout.annotations.some(({ text }) => text === "way"));
});

test("where there is room for names, or none for so many bars, they stand", () => {
  const wide = dress(groups("one", "two"), { width: 960, height: 318, measure });
  assert.deepEqual([wide.least, wide.data[0].orientation], [0, undefined]);
  const low = dress(groups("one", "two"), { width: 620, height: 300, measure, font: 1.2 });
  assert.equal(low.data[0].orientation, undefined);
  assert.ok(low.layout.xaxis.tickangle < 0);
});

test("where slanted names would leave their bars too little height bars lie too", () => {
  const figure = groups("one", "two");
  figure.layout.xaxis.categoryarray = ["a", "b", "c", "the name of a very long way"];
  const turned = (height) => dress(figure, { width: 640, height, measure }).data[0].orientation;
  assert.deepEqual([turned(318), turned(900)], ["h", undefined]);
});

test("larger letters have more room where they are slanted", () => {
  const bottom = (font) => dress(groups("one", "two"), { width: 1300, height: 520, measure, font }).layout.margin.b;
  assert.ok(bottom(1.6) > 1.5 * bottom(1));
});

for (const width of [960, 316]) {
  test(`a guess is a mark across the bar of the group that answers it, ${width} pixels wide`, () => {
    const figure = groups("one", "two");
    figure.data.unshift({ id: "guess:bars", name: "your guess", type: "bar", on: "two", x: [WAYS[3]], y: [5], marker: { color: "$screen/0" } });
    const height = dress(figure, { width, height: 318, measure }).least || 318;
    const { data, layout, key } = dress(figure, { width, height, measure });
    const [along, across] = width === 316 ? ["y", "x"] : ["x", "y"];
    const mark = layout.shapes.at(-1);
    const [from, to] = [mark[`${along}0`], mark[`${along}1`]];
    assert.ok(from < 3 + 0.01 && from > 3 - 0.65 / 4 && to > 3 + 0.65 / 2 && to < 3.5); // the second bar of the fourth
    assert.deepEqual([mark[`${across}0`], mark[`${across}1`]], [5, 5]);
    assert.equal(data.filter(({ type }) => type === "bar").length, 2);
    assert.deepEqual(key.map(({ guess }) => guess), ["mark", undefined, undefined]);
  });
}

test("a figure without rows has axes without numbers", () => {
  const figure = lines();
  figure.data = [];
  const { layout } = dress(figure, { width: 900, height: 318, measure });
  assert.equal(layout.yaxis.showticklabels, false);
});

test("ids of any words do not reach the selectors that Plotly builds", () => {
  const figure = lines();
  figure.data[0].id = "reference:measured capacity";
  assert.match(dress(figure, { width: 900, height: 318, measure }).data[0].uid, /^[a-z0-9-]+$/);
});

test("the figure itself is not changed", () => {
  const figure = lines({ annotations: [label("a", 4, 2)] });
  const before = structuredClone(figure);
  dress(figure, { width: 350, height: 318, measure });
  assert.deepEqual(figure, before);
});

test("labels lose Plotly's HTML but not their words", () => {
  assert.equal(bare("<b>a &lt; b</b> 1 &amp; 2"), "a < b 1 & 2");
});
