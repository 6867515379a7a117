// A guess in the drawings: dashed, told in words, never cut.
import assert from "node:assert/strict";
import test from "node:test";
import { dress } from "../../static/js/figures/plotting.js";
import { layoutShares } from "../../static/js/figures/shares.js";

const measure = (words, size = 12) => words.length * size * 0.6;
const state = (id, hatch = false) => ({ id, label: id, height: 1, hatch });
const STATES = [state("running"), state("gil", true), state("blocked")];
const lane = (id, ...parts) => ({ id, label: id, parts });
const mark = (name, at) => ({ id: "guess:value", lane: name, at, label: "your guess 30\u00a0%" });
const shares = (data, marks) => ({ data, layout: marks ? { states: STATES, marks } : { states: STATES } });

const words = ({ shapes }) => shapes.filter((part) => part.tag === "text").map((part) => part.text);
const dashed = ({ shapes }) => shapes.filter((part) => part.attributes["stroke-dasharray"]);

test("the parts of a guessed lane stand in dashed outlines, those of measured lanes do not", () => {
  const guess = { ...lane("guess:parts", ["running", 0.25], ["gil", 0.75]), label: "your guess" };
  const drawn = layoutShares(shares([guess, lane("thread 1", ["running", 1], ["gil", 1])]), 700, measure);
  const outlines = dashed(drawn).map((part) => part.attributes.stroke);
  assert.deepEqual(outlines, ["$st-running", "$st-gil"]);
  assert.deepEqual(words(drawn).slice(0, 3), ["your guess", "25\u00a0%", "75\u00a0%"]);
});

test("a guessed share is a dashed line across its lane, and no other", () => {
  const data = [lane("spinner 1", ["running", 1], ["blocked", 1]), lane("spinner 2", ["running", 1])];
  const drawn = layoutShares(shares(data, [mark("spinner 1", 0.5)]), 700, measure);
  const [line, ...others] = dashed(drawn);
  const [ground] = drawn.shapes.filter((part) => part.tag === "rect");
  const { x, y, width, height } = ground.attributes;
  assert.deepEqual(others, []);
  assert.ok(Math.abs(line.attributes.x1 - (x + width / 2)) < 0.01);
  assert.ok(line.attributes.y1 < y && line.attributes.y2 > y + height);
  assert.ok(words(drawn).includes("your guess 30\u00a0%"));
});

test("the words of a mark are never cut, and have room above the next lane", () => {
  for (const width of [320, 1000]) {
    for (const at of [0, 0.5, 1]) {
      const data = [lane("a", ["running", 1]), lane("b", ["running", 1])];
      const drawn = layoutShares(shares(data, [mark("a", at)]), width, measure);
      const label = drawn.shapes.find((part) => part.text?.startsWith("your guess"));
      const half = measure(label.text, 11) / 2;
      assert.ok(label.attributes.x - half >= 0 && label.attributes.x + half <= width);
      const grounds = drawn.shapes.filter((part) => part.attributes.fill === "$grid");
      assert.ok(label.attributes.y + 3 < grounds[1].attributes.y, "it touches the next lane");
    }
  }
});

test("a mark on a lane that never came is not drawn", () => {
  const drawn = layoutShares(shares([lane("a", ["running", 1])], [mark("b", 0.5)]), 700, measure);
  assert.deepEqual(dashed(drawn), []);
});

test("on a narrow screen the key shows a guess with a dashed line", () => {
  const label = (name) => ({ name: `end:${name}`, x: 4, y: 2, text: name, font: { color: "$en-threads" } });
  const figure = {
    data: [{ id: "threads", type: "scatter", x: [1, 4], y: [1, 2] }],
    layout: {
      xaxis: { type: "linear" },
      yaxis: { type: "linear" },
      annotations: [label("threads"), label("guess:threads"), label("reference:ideal")],
    },
  };
  const { key } = dress(figure, { width: 350, height: 318, measure });
  assert.deepEqual(
    key.map((entry) => entry.dash),
    ["solid", "dash", "dash"],
  );
});
