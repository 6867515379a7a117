// What a number reads like: the same words as the server's, case by case (tests/golden/numbers.json).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { moment, number } from "../../static/js/figures/units.js";
import { asWord } from "../../static/js/form.js";
import { rough } from "../../static/js/format.js";

const golden = JSON.parse(readFileSync(new URL("../golden/numbers.json", import.meta.url)));
const SPEAKERS = { number, rough, moment, word: asWord };

for (const [name, cases] of Object.entries(golden)) {
  test(`${name}: the page says what the server says`, () => {
    const said = cases.map((row) => [...row.slice(0, -1), SPEAKERS[name](...row.slice(0, -1))]);
    assert.deepEqual(said, cases);
  });
}
