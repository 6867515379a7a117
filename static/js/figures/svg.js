// Shapes as data. A layout makes them, the page draws them, a download writes them: one picture.
import { css, literal } from "./roles.js";

const NAMESPACE = "http://www.w3.org/2000/svg";

// shape("text", { x: 4, fill: "$ink" }, "running")
export function shape(tag, attributes = {}, text = "", children = []) {
  return { tag, attributes, text, children };
}

export function text(x, y, words, attributes = {}) {
  const given = { x: round(x), y: round(y), "font-size": 12, "font-family": "$sans", fill: "$ink-2" };
  return shape("text", { ...given, ...attributes }, words);
}

export function rect(x, y, width, height, attributes) {
  return shape("rect", {
    x: round(x),
    y: round(y),
    width: round(width),
    height: round(height),
    ...attributes,
  });
}

export function line(x1, y1, x2, y2, attributes) {
  return shape("line", { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), ...attributes });
}

export const round = (value) => Math.round(value * 100) / 100;

const EDGE = 2; // pixels that words keep from the edge of a picture

// The picture with every word of it inside its width: moved where a wide font would lead it over the edge, and set
// in smaller letters where all of the width is not enough. Pure.
export function keepWordsInside(drawn, measure) {
  const kept = (one) => (one.tag === "text" && !one.attributes.transform ? keepInside(one, drawn.width, measure) : one);
  return { ...drawn, shapes: drawn.shapes.map(kept) };
}

function keepInside(drawn, width, measure) {
  const { "font-size": size, "font-family": family, "font-weight": weight } = drawn.attributes;
  const lengthOf = (words) => measure(words, size, String(family ?? "$sans").replace("$", "--"), weight);
  const longest = Math.max(0, ...[drawn.text, ...drawn.children.map((line) => line.text)].map(lengthOf));
  const share = Math.min(1, (width - 2 * EDGE) / longest);
  const anchor = drawn.attributes["text-anchor"] ?? "start";
  const moved = (words, x) => placeInside(x, lengthOf(words) * share, anchor, width);
  const { attributes, children } = drawn;
  return {
    ...drawn,
    attributes: {
      ...attributes,
      ...(drawn.text && { x: moved(drawn.text, attributes.x) }),
      ...(share < 1 && { "font-size": round(size * share) }),
    },
    children: children.map((line) => ({
      ...line,
      attributes: { ...line.attributes, x: moved(line.text, line.attributes.x) },
    })),
  };
}

// Where words of this length must be anchored to end before the edges. Pure.
function placeInside(x, length, anchor, width) {
  if (!Number.isFinite(x)) {
    return x; // it goes on where the line before it ended
  }
  const before = { start: 0, middle: length / 2, end: length }[anchor];
  const most = width - EDGE - (length - before);
  return round(Math.max(Math.min(x, most), before + EDGE));
}

// Slanted lines in the colour of a state, on a paler ground: the second code beside colour.
export function hatch(id, role) {
  return shape(
    "pattern",
    { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    "",
    [
      shape("rect", { width: 5, height: 5, fill: `${role}/0.26` }),
      shape("rect", { width: 1.7, height: 5, fill: role }),
    ],
  );
}

let patterns = 0;

// Ids of patterns are global to a page, so that every drawing needs its own.
export const uniqueId = () => `hatch-${(patterns += 1)}`;

export function element(shape) {
  const made = document.createElementNS(NAMESPACE, shape.tag);
  for (const [name, value] of Object.entries(shape.attributes)) {
    made.setAttribute(name, css(value));
  }
  if (shape.text) {
    made.textContent = shape.text;
  }
  made.append(...shape.children.map(element));
  return made;
}

// A whole picture for the page; its words for those who cannot see it.
export function picture({ width, height, shapes }, label) {
  const attributes = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label };
  return element(shape("svg", attributes, "", shapes));
}

const TITLE_HEIGHT = 40;

// A picture for a file: with its title above it, unless it is empty, and its states' key below it.
export function poster({ width, height, shapes }, { title, states = [], paint }, measure) {
  const key = legend(states, paint, { left: 14, top: height + 10, width: width - 28 }, measure);
  const above = title ? TITLE_HEIGHT : 0;
  const heading = text(14, 26, title, { "font-family": "$serif", "font-size": 19, fill: "$ink" });
  const moved = { transform: `translate(0 ${above})` };
  const drawn = shape("g", moved, "", [...shapes, ...key.shapes]);
  const all = title ? [heading, drawn] : [drawn];
  return { width, height: above + Math.max(height + 10, key.bottom), shapes: all };
}

// Swatches with names, in as many rows as they need.
function legend(states, paint, { left, top, width }, measure) {
  const shapes = [];
  let x = left;
  let y = top;
  for (const state of states) {
    const length = 21 + measure(state.label, 12) + 18;
    if (x + length > left + width && x > left) {
      x = left;
      y += 20;
    }
    const height = Math.max(2, 12 * state.height);
    shapes.push(
      rect(x, y + 12 - height, 15, height, { fill: paint(state) }),
      text(x + 21, y + 11, state.label),
    );
    x += length;
  }
  return { shapes, bottom: states.length ? y + 22 : 0 };
}

// A picture as a file: tokens become what they are now.
export function file({ width, height, shapes }, token) {
  const ground = shape("rect", { width, height, fill: "$screen" });
  const attributes = { xmlns: NAMESPACE, viewBox: `0 0 ${width} ${height}`, width, height };
  return markup(shape("svg", attributes, "", [ground, ...shapes]), token);
}

export function markup({ tag, attributes, text, children }, token) {
  const written = Object.entries(attributes).map(
    ([name, value]) => ` ${name}="${escape(literal(value, token))}"`,
  );
  const inside = escape(text) + children.map((child) => markup(child, token)).join("");
  return `<${tag}${written.join("")}>${inside}</${tag}>`;
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export const escape = (value) => String(value).replace(/[&<>"]/g, (sign) => ENTITIES[sign]);

// An SVG file as a PNG of `scale` times its size.
export async function rasterise(svg, scale = 2) {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width * scale;
    canvas.height = image.height * scale;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Words in lines no wider than `room`. `measure(words)` says how wide they are.
export function inLines(words, room, measure) {
  const lines = [];
  for (const word of words.split(" ").filter(Boolean)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length && measure(longer) <= room) {
      lines[lines.length - 1] = longer;
    } else {
      lines.push(word);
    }
  }
  return lines;
}

// How wide a text is, in the fonts of the page.
export function measurer(token) {
  const context = document.createElement("canvas").getContext("2d");
  return (words, size = 12, family = "--sans", weight = 400) => {
    context.font = `${weight} ${size}px ${token(family)}`;
    return context.measureText(words).width;
  };
}
