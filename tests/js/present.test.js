// Present mode: which slides there are, and which key moves where.
import assert from "node:assert/strict";
import test from "node:test";
import { hasBegun, hashOf, moved, moveFor, placeOf, slidesOf } from "../../static/js/present/slides.js";
import { swipe } from "../../static/js/present/swipe.js";

const section = (dataset, ...classes) => ({ dataset, classList: { contains: (name) => classes.includes(name) } });
const names = (sections) => slidesOf(sections).map(({ id }) => id);

test("slides come in the order of a talk, whatever the page's", () => {
  const page = ["question", "run", "guess", "code", "why", "verdict"].map((slide) => section({ slide }));
  assert.deepEqual(names([...page, section({ figure: "line" })]), [
    "question",
    "guess",
    "run",
    "figure-line",
    "verdict",
    "why",
    "code",
  ]);
});

test("sections of one name make one slide, every figure its own, small tables share one", () => {
  const page = [
    section({ slide: "run" }),
    section({ slide: "run" }),
    section({ figure: "a" }, "cells-panel"),
    section({ figure: "b" }),
    section({ figure: "c" }, "cells-panel"),
    section({ figure: "d" }),
  ];
  const made = slidesOf(page);
  assert.deepEqual(made.map(({ id, elements }) => [id, elements.length]), [
    ["run", 2],
    ["figure-b", 1],
    ["figure-d", 1],
    ["cells", 2],
  ]);
});

test("a section of an unknown name is no slide", () => {
  assert.deepEqual(names([section({ slide: "advertisement" }), section({ slide: "figures" })]), []);
});

const key = (name, more = {}) => ({ key: name, ...more });

test("arrows, space and the page keys move by one slide", () => {
  const moves = ["ArrowRight", "PageDown", " ", "ArrowLeft", "PageUp"].map((name) => moveFor(key(name), ""));
  assert.deepEqual(moves, [1, 1, 1, -1, -1]);
  assert.equal(moveFor(key(" ", { shiftKey: true }), ""), -1);
});

test("a slider keeps its arrows, a text its letters, a button its space", () => {
  assert.equal(moveFor(key("ArrowRight"), "keys"), null);
  assert.equal(moveFor(key("Home"), "keys"), null);
  assert.equal(moveFor(key("ArrowLeft"), "text"), null);
  assert.equal(moveFor(key("p"), "text"), null);
  assert.equal(moveFor(key(" "), "button"), null);
  assert.equal(moveFor(key("ArrowRight"), "button"), 1);
});

test("a remote clicker moves slides wherever the focus is", () => {
  for (const owner of ["", "keys", "text", "button"]) {
    assert.deepEqual([moveFor(key("PageDown"), owner), moveFor(key("PageUp"), owner)], [1, -1]);
  }
});

test("Escape and P leave", () => {
  assert.equal(moveFor(key("Escape"), ""), "leave");
  assert.equal(moveFor(key("Escape"), "button"), "leave");
  assert.equal(moveFor(key("P"), ""), "leave");
});

test("Escape frees the arrows first from what has them", () => {
  assert.equal(moveFor(key("Escape"), "keys"), "free");
  assert.equal(moveFor(key("Escape"), "text"), "free");
});

test("keys with Ctrl, Alt or Meta belong to the browser", () => {
  assert.equal(moveFor(key("ArrowLeft", { altKey: true }), ""), null);
  assert.equal(moveFor(key("p", { ctrlKey: true }), ""), null);
});

test("the ends hold, Home and End go to them", () => {
  assert.equal(moved(0, -1, 9), 0);
  assert.equal(moved(8, 1, 9), 8);
  assert.equal(moved(3, moveFor(key("Home"), ""), 9), 0);
  assert.equal(moved(3, moveFor(key("End"), ""), 9), 8);
});

test("a slide is found again by its address, the first one by any other", () => {
  const slides = slidesOf([section({ slide: "question" }), section({ figure: "line" })]);
  assert.equal(placeOf(hashOf(slides[1]), slides), 1);
  assert.equal(placeOf("#main", slides), 0);
  assert.equal(placeOf("", slides), 0);
});

test("a figure has begun when something of the run is in it, not only the guess", () => {
  const trace = (id, more) => ({ data: [{ id, ...more }], layout: {} });
  assert.equal(hasBegun(trace("threads", { x: [] })), false);
  assert.equal(hasBegun(trace("guess:threads", { x: [1, 2] })), false);
  assert.equal(hasBegun(trace("reference:ideal", { x: [1, 2] })), false);
  assert.equal(hasBegun(trace("threads", { x: [1] })), true);
  assert.equal(hasBegun(trace("thread 1", { start: [0] })), true);
  assert.equal(hasBegun(trace("running>ready", { count: 3 })), true); // a state diagram
  assert.equal(hasBegun(trace("after fork", { nodes: [{ id: "parent" }], arrows: [] })), true); // a graph
  assert.equal(hasBegun({ data: [{ id: "row" }], layout: { cells: { "threads|2": 1 } } }), true);
  assert.equal(hasBegun({ data: [], layout: {} }), false);
});

test("a finger that goes sideways turns the slide, one that scrolls does not", () => {
  const at = (clientX, clientY) => ({ clientX, clientY });
  assert.equal(swipe(at(300, 100), at(180, 110)), 1);
  assert.equal(swipe(at(180, 100), at(300, 90)), -1);
  assert.equal(swipe(at(300, 100), at(270, 100)), 0);
  assert.equal(swipe(at(300, 100), at(200, 300)), 0);
});
