// What scripts say: the texts that a page brings, numbers and dates in its language.
import assert from "node:assert/strict";
import test from "node:test";

const TEXTS = {
  yes: "是",
  "just now": "刚刚",
  "{n}\u00a0min": "{n}\u00a0分钟",
  "{n} run": "{n} 个运行",
  "{n} runs": "{n} 个运行",
  "{part} of {whole}": "{whole} 中的 {part}",
};

globalThis.document = {
  getElementById: (id) => (id === "words" ? { textContent: JSON.stringify(TEXTS) } : null),
  documentElement: { lang: "zh-Hans" },
};

const { capital, count, language, t } = await import("../../static/js/words.js");
const { ago, cell, rough } = await import("../../static/js/format.js");

test("a text is said in the page's language, and in English where that has none", () => {
  assert.equal(t("yes"), "是");
  assert.equal(t("Hold still"), "Hold still");
  assert.equal(t("constructor"), "constructor");
  assert.equal(language, "zh-Hans");
});

test("a sentence begins with a capital, a name stays as it is", () => {
  assert.equal(capital("it was stopped"), "It was stopped");
  assert.equal(capital("non-blocking reads"), "Non-blocking reads");
  for (const text of ["cpython-3.11.2 could not be started", "threads.scaling has", "io_uring is off", "oscope was", ""])
    assert.equal(capital(text), text);
});

test("values stand where the translation wants them", () => {
  assert.equal(t("{part} of {whole}", { part: "1 ms", whole: "5 ms" }), "5 ms 中的 1 ms");
  assert.equal(t("{part} of {whole}", { part: 0 }), "{whole} 中的 0");
});

test("a language without a plural counts with one word", () => {
  assert.equal(count(1, "{n} run", "{n} runs"), "1 个运行");
  assert.equal(count(3, "{n} run", "{n} runs"), "3 个运行");
});

test("dates, times and cells are said as the page's reader says them", () => {
  const minute = 60_000;
  assert.equal(ago(0, 10_000), "刚刚");
  assert.equal(ago(0, 2 * minute), "2分钟前");
  assert.equal(ago(0, 26 * 60 * minute), "昨天");
  assert.equal(rough(200), "3\u00a0分钟");
  assert.equal(cell(true), "是");
});
