// The card: lines of coloured text, and where everything stands.
import assert from "node:assert/strict";
import test from "node:test";
import { HEIGHT, layoutCard, WIDTH } from "../../static/js/card/layout.js";
import { chosen, contained } from "../../static/js/card/pictures.js";
import { clipped, fit, placed, wrap } from "../../static/js/card/text.js";

const isHan = (letter) => /[\u2e80-\u9fff\uff00-\uffef]/.test(letter);
const measure = (words, { size }) => [...words].reduce((sum, letter) => sum + size * (isHan(letter) ? 1 : 0.5), 0);
const width = (part) => measure(part.text, { size: 10 });
const read = (line) => line.flatMap((piece) => piece.parts.map((part) => part.text)).join("");

test("lines break between words and begin and end with one", () => {
  const lines = wrap([{ text: "four threads ran as fast as one" }], 70, width);
  assert.deepEqual(lines.map(read), ["four threads", "ran as fast as", "one"]);
});

test("a coloured number keeps its sign and the stop after it", () => {
  const spans = [{ text: "ran " }, { text: "0.97×", role: "$en-threads" }, { text: ". Four" }];
  assert.deepEqual(wrap(spans, 45, width).map(read), ["ran", "0.97×.", "Four"]);
});

test("a number and its unit are not torn apart", () => {
  const lines = wrap([{ text: "waited " }, { text: "65\u00a0%" }, { text: " of it" }], 50, width);
  assert.deepEqual(lines.map(read), ["waited", "65\u00a0% of it"]);
});

test("Chinese breaks between any two characters, but never before a full stop", () => {
  const lines = wrap([{ text: "线程在等待全局解释器锁。进程不等" }], 40, width);
  assert.deepEqual(lines.map(read), ["线程在等", "待全局解", "释器锁。", "进程不等"]);
  const torn = wrap([{ text: "全局解释器锁。" }], 60, width);
  assert.deepEqual(torn.map(read), ["全局解释器", "锁。"]);
});

test("the largest size that needs no more lines than allowed is taken", () => {
  const rule = { tries: [[40, 1], [20, 1], [10, 1]], font: {} };
  assert.equal(fit([{ text: "twenty letters, fine" }], 205, rule, measure).size, 20);
});

test("what does not fit even at the smallest size ends with an ellipsis", () => {
  const rule = { tries: [[10, 2]], font: {} };
  const { lines } = fit([{ text: "one two three four five six seven" }], 60, rule, measure);
  assert.deepEqual(lines.map(read), ["one two", "three…"]);
});

test("parts of a line stand one after the other, those that look alike as one", () => {
  const [line] = wrap([{ text: "ab ef " }, { text: "cd", role: "$ink" }], 100, width);
  assert.deepEqual(placed(line, 5, width), [
    { text: "ab ef ", x: 5 },
    { text: "cd", role: "$ink", x: 35 },
  ]);
});

test("a long line is shortened to what fits", () => {
  const wide = (text) => text.length * 10;
  assert.equal(clipped("how late is the data", 90, wide), "how late…");
  assert.equal(clipped("short", 90, wide), "short");
});

// ---- the whole card

const words = {
  between: " ",
  guess: "Guess",
  you: "you",
  measured: "measured",
  nothing: "Nothing was measured.",
  scan: "See this run:",
  run: (id) => `run ${id}`,
  more: (n) => `and ${n} more`,
  moreDoubts: (n) => `And ${n} more doubts.`,
};
const facts = {
  id: "00000000a1",
  question: "Do more workers make Python faster?",
  said: [
    { text: "No.", look: "answer" },
    { text: " Two threads ran " },
    { text: "0.97×", role: "$en-threads" },
    { text: " as fast as one." },
  ],
  guess: [],
  doubts: [],
  params: "workers 4 · work 100 ms",
  machine: "2 cores · Linux 6.18 · CPython 3.14.0, with the GIL",
  when: "2026-11-23 10:22",
  command: "oscope run threads.scaling --workers 4",
  link: "",
  code: null,
};
const card = (changes, titles = ["How much more?", "Who ran when?"]) =>
  layoutCard({ ...facts, ...changes }, titles, words, measure);
const texts = ({ marks }) => marks.filter((mark) => mark.kind === "text").map((mark) => mark.text);
const told = (made) => texts(made).join("|");

function inside({ marks, slots }) {
  for (const { kind, x, y, width = 0, height = 0, text, font, align } of marks) {
    const wide = kind === "text" ? measure(text, font) : width;
    const left = { right: x - wide, center: x - wide / 2 }[align] ?? x;
    assert.ok(left >= 0 && left + wide <= WIDTH + 0.5, `${kind} "${text}" from ${left} to ${left + wide}`);
    assert.ok(y >= 0 && y + height <= HEIGHT, `${kind} "${text}" at ${y}`);
  }
  for (const slot of slots) {
    assert.ok(slot.width > 200 && slot.height > 120, `a figure has only ${slot.width} × ${slot.height}`);
    assert.ok(slot.x + slot.width <= WIDTH && slot.y + slot.height <= HEIGHT);
  }
}

const GUESS = { label: "threads at 4", role: "$en-threads", you: "2.6×", measured: "0.97×", near: false };
const CODE = { link: "http://192.168.1.20:8000/runs/00000000a1", code: { size: 33, path: "M0 0h1v1h-1z" } };

test("a card says the question, the answer, the command and where it comes from", () => {
  const made = card();
  inside(made);
  for (const part of [facts.question, "No.", "0.97×", facts.params, "run 00000000a1", "2026-11-23 10:22", "with the GIL"]) {
    assert.ok(told(made).includes(part), part);
  }
  assert.ok(texts(made).includes(facts.command));
  assert.equal(made.slots.length, 2);
  assert.ok(made.slots[0].width > made.slots[1].width);
});

test("the number of the verdict has the colour of what it speaks of", () => {
  assert.equal(card().marks.find((mark) => mark.text === "0.97×").fill, "$en-threads");
});

test("a noisy run says its doubt on the card", () => {
  const made = card({ doubts: ["Other programs used 14 % of this machine meanwhile."] });
  inside(made);
  assert.match(told(made), /Other programs used 14 % of this machine meanwhile\./);
});

test("doubts that do not fit are counted", () => {
  const made = card({ doubts: Array(6).fill("Other programs used 14 % of this machine meanwhile, which is much.") });
  inside(made);
  assert.match(told(made), /And 5 more doubts\./);
});

test("the guess stands beside what was measured, and too many of them are counted", () => {
  const made = card({ guess: Array(7).fill(GUESS) });
  inside(made);
  assert.match(told(made), /2\.6×\|0\.97×\|✗/);
  assert.match(told(made), /and 2 more/);
});

test("guess and code leave room for the small figure", () => {
  inside(card({ guess: Array(5).fill(GUESS), ...CODE }));
});

test("answers too long for columns stand below each other, inside their own column", () => {
  const answer = "it lives on, as the child of another process";
  for (const code of [{}, CODE]) {
    const made = card({ guess: [{ ...GUESS, label: "", you: answer, measured: answer, near: true }], ...code });
    inside(made);
    const lines = made.marks.filter(({ text }) => text && answer.startsWith(text.replace(/…$/, "")));
    assert.equal(lines.length, 2);
    assert.ok(lines[1].y > lines[0].y + 15);
    assert.ok(lines.every(({ x }) => x > made.slots[0].x + made.slots[0].width));
  }
});

test("names in the table are whole, beside a code too", () => {
  const rows = ["running on a core", "waiting for the GIL", "2 processes"].map((label) => ({ ...GUESS, label }));
  const said = texts(card({ guess: rows, ...CODE }));
  for (const { label } of rows) {
    assert.ok(said.includes(label), label);
  }
});

test("one line of verdict is preferred, and two to three larger ones", () => {
  const said = (text) => card({ said: [{ text }] }).marks.filter(({ font }) => font?.family === "--serif");
  assert.deepEqual(said("Unclear. Others took 90 % of the core that they share.").map(({ font }) => font.size), [40]);
  assert.equal(said("Each of 4 threads ran 4.7 % of the time and waited 33 % of it. ".repeat(2).trim()).length, 2);
});

test("a code is dark on white with four modules of white around it", () => {
  const made = card(CODE);
  inside(made);
  const path = made.marks.find((mark) => mark.kind === "path");
  const ground = made.marks[made.marks.indexOf(path) - 1];
  assert.deepEqual([ground.fill, path.fill], ["#ffffff", "#111111"]);
  assert.ok(Math.abs(path.x - ground.x - 4 * path.scale) < 1e-9);
  assert.ok(Math.abs(ground.width - (33 + 8) * path.scale) < 1e-9);
  assert.match(told(made), /192\.168\.1\.20:8000\/runs\/00000000a1/);
});

test("without a network there is no code", () => {
  assert.equal(card().marks.some((mark) => mark.kind === "path"), false);
});

test("a run without rows says so and has no figures", () => {
  const made = card({}, []);
  inside(made);
  assert.match(told(made), /Nothing was measured\./);
  assert.deepEqual(made.slots, []);
});

test("one figure alone has the whole width", () => {
  const made = card({}, ["How much more?"]);
  inside(made);
  assert.ok(made.slots[0].width > 1000);
});

test("long questions, verdicts, commands and titles stay on the card", () => {
  const long = "What does a program do while it waits for data that nobody has sent to it as yet? ".repeat(3);
  inside(
    card(
      { question: long, said: [{ text: long.repeat(4) }], command: `oscope run io --${"option value ".repeat(14)}`, params: long, machine: long },
      [long, long],
    ),
  );
});

// ---- pictures

test("a figure fills its slot without being distorted", () => {
  const slot = { x: 10, y: 20, width: 400, height: 300 };
  assert.deepEqual(contained({ width: 800, height: 400 }, slot), { x: 10, y: 70, width: 400, height: 200 });
});

const panel = (data, able = true) => ({ spec: { data }, drawing: able ? { toSVG() {} } : {} });

test("the first two figures that can be drawn and have data are shown", () => {
  const panels = new Map([
    ["line", panel([])],
    ["cells", panel([1], false)],
    ["timeline", panel([1])],
    ["shares", panel([1])],
    ["ecdf", panel([1])],
  ]);
  const order = ["line", "cells", "timeline", "gone", "shares", "ecdf"];
  assert.deepEqual(chosen(order, panels), [panels.get("timeline"), panels.get("shares")]);
});
