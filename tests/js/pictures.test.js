// Flows, state diagrams, shares and cells: from figures to shapes, and from shapes to files.
import assert from "node:assert/strict";
import test from "node:test";
import { layoutCells } from "../../static/js/figures/cells.js";
import { layoutFlow, phases, scales } from "../../static/js/figures/flow.js";
import { layoutShares } from "../../static/js/figures/shares.js";
import { layoutStates, overlap, placeNodes, seat } from "../../static/js/figures/states.js";
import { inLines, keepWordsInside, markup, poster, shape } from "../../static/js/figures/svg.js";

const measure = (words, size = 12) => words.length * size * 0.6;
const token = (name) => ({ "--ink": "#111111", "--st-ready": "#bc850e" })[name] ?? "#888888";
const state = (id, height = 1, hatch = false) => ({ id, label: id, height, hatch });
const STATES = [
  state("running"),
  state("gil", 0.58, true),
  state("ready", 0.58),
  state("blocked", 0.14),
  state("io"),
];

const words = (shapes) => shapes.filter((part) => part.tag === "text").map((part) => part.text);

// A text's lines have the look of the text.
const lines = ({ attributes, text, children = [] }) =>
  text ? [{ attributes, text }] : children.map((line) => ({ ...line, attributes: { ...attributes, ...line.attributes } }));

function inside({ shapes, width, height }, wide = measure) {
  for (const drawn of shapes.filter(({ tag }) => tag === "text")) {
    for (const { attributes, text } of lines(drawn)) {
      const length = wide(text, attributes["font-size"]);
      const left =
        attributes.x - { start: 0, middle: length / 2, end: length }[attributes["text-anchor"] ?? "start"];
      assert.ok(
        left >= -1 && left + length <= width + 1,
        `"${text}" is cut: ${left} to ${left + length} of ${width}`,
      );
      assert.ok(
        attributes.y > 0 && attributes.y <= height,
        `"${text}" is cut at ${attributes.y} of ${height}`,
      );
    }
  }
}

// ---- flows

const READ = {
  id: "blocking",
  label: "blocking",
  call: "recv",
  note: "1 call, 2.00 ms waiting, 50.0 µs after arrival",
  spans: [
    ["program", 0, 0.00205, "blocked", ""],
    ["kernel", 0, 0.002, "blocked", "recv"],
    ["kernel", 0.002, 0.00205, "io", "recv"],
  ],
  calls: [
    [0, 1, "recv"],
    [0.00205, -1, "data"],
  ],
  ready_s: 0.002,
  done_s: 0.00205,
};
const flow = (...data) => ({ data, layout: { states: STATES, t1: 1 } });

test("on a slide a flow has letters as large as the slide has room for", () => {
  const models = ["blocking", "non-blocking", "multiplexed", "signal-driven", "asynchronous"];
  const figure = flow(...models.map((id) => ({ ...READ, id, label: id })));
  const smallest = ({ shapes }) =>
    Math.min(...shapes.filter(({ tag }) => tag === "text").map(({ attributes }) => attributes["font-size"]));
  const [page, slide] = [layoutFlow(figure, 1290, measure), layoutFlow(figure, 1290, measure, "hatch", 540)];
  assert.ok(slide.height <= 540);
  assert.ok(smallest(slide) > 1.35 * smallest(page), `${smallest(slide)} pixels`);
  inside(slide);
  assert.equal(smallest(layoutFlow(figure, 1290, measure, "hatch", 100)), smallest(page));
});

test("what comes after the arrival is magnified where it is tiny beside the wait", () => {
  const scale = scales(0.002, 0.00005, 0, 1000);
  assert.ok(scale.magnified > 20);
  assert.equal(scale.x(-0.002), 0);
  assert.equal(scale.x(0), scale.seam);
  assert.equal(Math.round(scale.x(0.00005)), 1000);
});

test("one scale is enough where both phases can be seen", () => {
  assert.ok(Math.abs(scales(0.001, 0.001, 0, 1000).magnified - 1) < 1e-9);
});

test("a model whose arrival nobody saw is aligned at its end", () => {
  assert.deepEqual(phases({ ...READ, ready_s: null, done_s: null }), {
    begin: 0,
    ready: 0.00205,
    done: 0.00205,
    end: 0.00205,
  });
});

test("a magnified axis says so", () => {
  const drawn = layoutFlow(flow(READ), 1000, measure);
  assert.ok(words(drawn.shapes).some((text) => /^time magnified \d+×$/.test(text)));
});

test("no label of a flow is cut, on wide screens and on narrow ones", () => {
  for (const width of [320, 350, 720, 1200]) {
    inside(layoutFlow(flow(READ, { ...READ, id: "b", label: "signal-driven" }), width, measure));
    inside(layoutFlow(flow(READ, { ...READ, id: "b", label: "signal-driven" }), width, measure, "hatch", 400));
  }
});

test("thousands of calls draw no more arrows than there is room for", () => {
  const calls = Array.from({ length: 4000 }, (_, n) => [n / 2_000_000, n % 2 ? -1 : 1, ""]);
  const drawn = layoutFlow(flow({ ...READ, calls }), 1000, measure);
  assert.ok(drawn.shapes.filter((part) => part.tag === "path").length < 450);
});

test("words are wrapped between words", () => {
  assert.deepEqual(
    inLines("one two three", 60, (text) => text.length * 6),
    ["one two", "three"],
  );
});

// ---- states

const nodes = (...ids) => ids.map((id) => ({ id, label: id }));
const edge = (source, target, count = 3) => ({
  id: `${source}>${target}`,
  source,
  target,
  count,
  label: "goes",
  how: "counted",
});
const diagram = (ids, ...data) => ({ data, layout: { nodes: nodes(...ids), states: STATES } });

const ALL = [
  "running",
  "gil",
  "ready",
  "blocked",
  "io",
  "lock",
  "uninterruptible",
  "stopped",
  "zombie",
  "unknown",
];

test("circles of any subset stay apart and inside", () => {
  for (const ids of [
    ["running"],
    ["running", "ready"],
    ["ready", "blocked"],
    ALL.slice(0, 4),
    ["running", "ready", "blocked", "uninterruptible", "stopped", "zombie"],
  ]) {
    for (const width of [330, 720]) {
      const placed = Object.values(placeNodes(nodes(...ids), width));
      for (const [n, one] of placed.entries()) {
        assert.ok(one.x - one.radius >= 0 && one.x + one.radius <= width);
        assert.ok(one.y - one.radius >= 20);
        for (const other of placed.slice(n + 1)) {
          assert.ok(Math.hypot(one.x - other.x, one.y - other.y) > one.radius + other.radius);
        }
      }
    }
  }
});

test("all ten states have a place of their own", () => {
  const placed = Object.values(placeNodes(nodes(...ALL), 720));
  assert.equal(new Set(placed.map(({ x, y }) => `${x} ${y}`)).size, ALL.length);
});

test("counts stand beside their arrows, and sampled ones say that they are about right", () => {
  const figure = diagram(["running", "ready"], edge("running", "ready", 12_345), {
    ...edge("ready", "running", 7),
    how: "sampled",
  });
  const said = words(layoutStates(figure, 720, measure).shapes);
  assert.ok(said.includes("12\u2009345"));
  assert.ok(said.includes("≈ 7"));
});

test("no label of a diagram is cut on a narrow screen", () => {
  const figure = diagram(
    ALL.slice(0, 4),
    edge("running", "gil"),
    edge("gil", "running"),
    edge("running", "ready"),
    edge("ready", "running"),
  );
  inside(layoutStates(figure, 330, measure));
});

test("no name of a state leaves a diagram, however wide the letters are", () => {
  const figure = diagram(
    ["running", "ready", "uninterruptible"],
    edge("running", "uninterruptible"),
    edge("uninterruptible", "ready", 12_345),
  );
  for (const em of [0.45, 0.6, 0.75, 0.9]) {
    const wide = (words, size = 12) => words.length * size * em;
    for (const width of [280, 330, 460, 720]) {
      inside(layoutStates(figure, width, wide), wide);
    }
  }
});

test("words that a wide font leads over an edge are moved inside, and made smaller where that is not enough", () => {
  const said = (x, words, anchor) => shape("text", { x, y: 10, "font-size": 10, "text-anchor": anchor }, words);
  const lines = shape("text", { "font-size": 10, "text-anchor": "middle" }, "", [
    shape("tspan", { x: 95, y: 20 }, "twelve chars"),
    shape("tspan", { x: 50, y: 32 }, "short"),
  ]);
  const texts = [said(90, "to the right"), said(5, "to the left", "end"), said(50, "in the middle"), lines];
  const much = said(50, "a line of thirty-two characters.", "middle");
  const { shapes } = keepWordsInside({ width: 100, height: 40, shapes: [...texts, much] }, measure);
  inside({ width: 100, height: 40, shapes });
  assert.deepEqual(shapes[3].children.map((line) => line.attributes.x), [62, 50]);
  assert.ok(shapes.at(-1).attributes["font-size"] < 10);
  assert.equal(shapes[0].attributes["font-size"], 10);
});

test("boxes that only touch do not overlap", () => {
  const box = { left: 0, right: 10, top: 0, bottom: 10 };
  assert.equal(overlap(box, { left: 10, right: 20, top: 0, bottom: 10 }), 0);
  assert.equal(overlap(box, { left: 5, right: 20, top: 8, bottom: 20 }), 10);
});

test("one token sits in the middle, several around it", () => {
  const node = { x: 100, y: 100, radius: 40 };
  assert.deepEqual(seat(node, 0, 1), { x: 100, y: 100 });
  const seats = [0, 1, 2].map((place) => seat(node, place, 3));
  assert.ok(seats.every(({ x, y }) => Math.hypot(x - 100, y - 100) < 40));
});

// ---- shares and cells

test("parts of a bar are as long as their shares, and told in percent where there is room", () => {
  const figure = {
    data: [
      {
        id: "t",
        label: "thread 1",
        parts: [
          ["running", 1],
          ["gil", 3],
        ],
      },
    ],
    layout: { states: STATES },
  };
  const drawn = layoutShares(figure, 700, measure);
  const bars = drawn.shapes.filter(
    (part) => part.tag === "rect" && String(part.attributes.fill).match(/running|hatch/),
  );
  assert.ok(Math.abs(bars[1].attributes.width / bars[0].attributes.width - 3) < 0.05);
  assert.deepEqual(words(drawn.shapes), ["thread 1", "25\u00a0%", "75\u00a0%"]);
  inside(drawn);
});

test("a bar of no time is drawn empty", () => {
  const figure = { data: [{ id: "t", label: "t", parts: [["running", 0]] }], layout: { states: STATES } };
  assert.deepEqual(words(layoutShares(figure, 700, measure).shapes), ["t"]);
});

test("cells know their text and how deep their shade is", () => {
  const figure = {
    data: [{ id: "threads", label: "threads", role: "$en-threads" }],
    layout: { across: ["1", "2", "4"], unit: "s", cells: { "threads|1": 2, "threads|2": 1 } },
  };
  assert.deepEqual(layoutCells(figure)[0].cells, [
    { text: "2.00\u00a0s", depth: 1 },
    { text: "1.00\u00a0s", depth: 0.5 },
    { text: "", depth: null },
  ]);
});

// ---- files

test("a file has literal colours and escaped words", () => {
  const drawn = shape("text", { fill: "$st-ready", x: 4 }, "a < b & c");
  assert.equal(markup(drawn, token), '<text fill="#bc850e" x="4">a &lt; b &amp; c</text>');
});

test("a file has a title above the picture and a key of its states below, in rows", () => {
  const drawn = { width: 200, height: 100, shapes: [] };
  const made = poster(drawn, { title: "Who ran?", states: STATES, paint: (one) => `$st-${one.id}` }, measure);
  const [heading, moved] = made.shapes;
  assert.equal(heading.text, "Who ran?");
  assert.deepEqual(words(moved.children), ["running", "gil", "ready", "blocked", "io"]);
  assert.ok(moved.children.every((part) => part.attributes.x < 200 && part.attributes.y + 40 <= made.height));
});
