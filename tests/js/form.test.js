import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLine, defaults, fromSlider, ofPreset, presetOf, toSlider } from "../../static/js/form.js";

const workers = { name: "workers", type: "int", low: 2, high: 32, default: 4 };
const interval = { name: "switch_interval", type: "float", low: 0.1, high: 50, default: 5 };
const size = { name: "size", type: "int", low: 1, high: 4194304, default: 4096 };
const kind = { name: "kind", type: "str", choices: ["hash", "python"], default: "python" };
const experiment = {
  name: "threads.example",
  params: [workers, interval, kind],
  presets: { quick: { workers: 2 }, odd: { kind: "hash", switch_interval: 0.5 } },
};

test("a slider's ends are the range's ends", () => {
  for (const field of [workers, interval, size]) {
    assert.equal(fromSlider(field, 0), field.low);
    assert.equal(fromSlider(field, 1000), field.high);
    assert.equal(toSlider(field, field.low), 0);
    assert.equal(toSlider(field, field.high), 1000);
  }
});

test("a slider gives whole numbers where only those are taken", () => {
  for (let position = 0; position <= 1000; position += 7) {
    assert.ok(Number.isInteger(fromSlider(workers, position)));
    assert.ok(Number.isInteger(fromSlider(size, position)));
  }
});

test("every whole number of a small range can be dialled", () => {
  const reached = new Set(Array.from({ length: 1001 }, (_, position) => fromSlider(workers, position)));
  assert.equal(reached.size, 31);
});

test("a wide range is dialled on a logarithmic scale", () => {
  assert.equal(toSlider(size, 2048), 500);
  assert.equal(fromSlider(size, 500), 2000);
});

test("a value and its place on the slider agree", () => {
  assert.equal(fromSlider(workers, toSlider(workers, 7)), 7);
  assert.equal(fromSlider(interval, toSlider(interval, 5)), 5);
});

test("values that a preset has are that preset", () => {
  assert.equal(presetOf(experiment, defaults(experiment)), "");
  assert.equal(presetOf(experiment, ofPreset(experiment, "odd")), "odd");
  assert.equal(presetOf(experiment, { ...defaults(experiment), workers: 9 }), null);
});

test("the command line says what differs from the defaults, as the server's does", () => {
  assert.equal(commandLine(experiment, defaults(experiment)), "oscope run threads.example");
  assert.equal(
    commandLine(experiment, ofPreset(experiment, "odd"), "pypy-3.10.14"),
    "oscope run threads.example --switch-interval 0.5 --kind hash --python pypy-3.10.14",
  );
});
