// What the scripts say, in the language of the page. English stands in the code; the page brings the rest.

const place = globalThis.document?.getElementById("words");
const texts = place ? JSON.parse(place.textContent) : {};

export const language = globalThis.document?.documentElement.lang || "en";

// t("{n} runs before it", { n: 3 }); a text without a translation stays English.
export function t(english, values = {}) {
  const said = Object.hasOwn(texts, english) ? texts[english] : english;
  return said.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}

// As a sentence begins. A name stays as it is: threads.scaling, io_uring, cpython-3.11.2 (figures/words.py).
const NAMED_FIRST = /^(oscope(?![\w])|\w+[._/]\w|[\w-]*\d)/;
export const capital = (text) => (NAMED_FIRST.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1));

// count(3, "{n} run", "{n} runs")
export const count = (n, one, more, values = {}) => t(n === 1 ? one : more, { n, ...values });
