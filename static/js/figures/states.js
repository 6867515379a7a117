// States as circles, counted transitions as arrows, and tokens that sit where the lanes are.
import { Drawing } from "./drawing.js";
import { element, hatch, round, shape, text } from "./svg.js";
import { count } from "./units.js";
import { capital, t as say } from "../words.js";

const EXPORT_WIDTH = 640;
const MOST_TOKENS = 12;
const BOLD = 700;
const EDGE = 4; // pixels that letters keep from the edge of the drawing
const WIDEST = 720;
const WIDEST_FILLED = 600; // where the drawing is shown as large as fits: the narrower, the larger its letters

// Where a state stands, in shares of the drawing; each takes its first place that is free.
const PLACES = {
  running: [[0.5, 0]],
  ready: [[0, 0.42]],
  gil: [[1, 0.42]],
  lock: [
    [1, 0.42],
    [1, 0.95],
  ],
  uninterruptible: [
    [1, 0.42],
    [1, 0.95],
    [0, 0.95],
  ],
  io: [
    [1, 0.95],
    [1, 0.42],
  ],
  blocked: [[0.5, 0.86]],
  stopped: [
    [0, 1],
    [1, 1],
  ],
  zombie: [
    [1, 0],
    [0, 0],
  ],
  unknown: [
    [0, 0],
    [1, 1],
  ],
};

// Circles for the states that occur: {id: {x, y, radius}}. Pure.
export function placeNodes(nodes, width) {
  const radius = Math.min(46, Math.max(26, width * 0.08));
  const edge = radius + Math.min(70, width * 0.1);
  const taken = new Set();
  const placed = {};
  const unit = {};
  for (const { id } of nodes) {
    const free = (PLACES[id] ?? []).find((place) => !taken.has(String(place)));
    unit[id] = free ?? [(taken.size % 3) / 2, 0.7];
    taken.add(String(unit[id]));
  }
  const top = Math.min(...Object.values(unit).map(([, y]) => y), 0.42);
  const span = Math.min(330, Math.max(250, width * 0.5));
  for (const [id, [x, y]] of Object.entries(unit)) {
    placed[id] = { x: edge + x * (width - 2 * edge), y: radius + 34 + (y - top) * span, radius };
  }
  return placed;
}

// The whole picture as shapes. Pure: `measure(words, size, family, weight)` gives widths.
export function layoutStates(figure, width, measure, patternId = "hatch") {
  const { nodes, states } = figure.layout;
  const placed = placeNodes(nodes, width);
  const edges = figure.data.filter((edge) => edge.source !== edge.target && edge.count > 0);
  const narrow = width < 460;
  const arrows = edges.map((edge) => arrow(edge, placed, edges));
  const trails = arrows.flatMap(trail);
  const names = nodes.map((node) => name(node, placed, trails, measure, width));
  const taken = [...Object.values(placed).map(around), ...names.map(({ box }) => box), ...trails];
  const labels = arrows.flatMap((drawn) => label(drawn, taken, measure, width, narrow));
  const circles = nodes.flatMap((node) => circle(node, placed[node.id], states, patternId));
  const lowest = Math.max(0, ...Object.values(placed).map(({ y, radius }) => y + radius));
  const defs = nodes
    .filter((node) => isHatched(node, states))
    .map((node) => hatch(`${patternId}-${node.id}`, `$st-${node.id}`));
  return {
    width,
    height: Math.round(lowest + 44),
    placed,
    shapes: [
      shape("defs", {}, "", defs),
      ...arrows.flatMap((drawn) => drawn.shapes),
      ...circles,
      ...names.map(({ drawn }) => drawn),
      ...labels,
    ],
  };
}

const isHatched = (node, states) => states.find((state) => state.id === node.id)?.hatch;

function circle(node, { x, y, radius }, states, patternId) {
  const role = `$st-${node.id}`;
  const outline = { stroke: role, "stroke-width": node.id === "running" ? 3.5 : 2 };
  if (node.id === "blocked" || node.id === "stopped") {
    outline["stroke-dasharray"] = "5 4";
  }
  const place = { cx: round(x), cy: round(y), r: radius };
  const fill = isHatched(node, states)
    ? `url(#${patternId}-${node.id})`
    : `${role}/${node.id === "running" ? 0.2 : 0.09}`;
  const drawn = [shape("circle", { ...place, fill: "$screen" })];
  if (isHatched(node, states)) {
    return [
      ...drawn,
      shape("circle", { ...place, fill, opacity: 0.45 }),
      shape("circle", { ...place, fill: "none", ...outline }),
    ];
  }
  return [...drawn, shape("circle", { ...place, fill, ...outline })];
}

// A name in one line, or in the two that are most alike in length.
export function nameLines(words, room, measure) {
  const wide = (line) => measure(line, 14, "--sans", BOLD);
  if (wide(words) <= room) {
    return [words];
  }
  const all = words.split(" ");
  const cuts = all.slice(1).map((_, n) => [all.slice(0, n + 1).join(" "), all.slice(n + 1).join(" ")]);
  const longest = (lines) => Math.max(...lines.map(wide));
  return cuts.sort((one, other) => longest(one) - longest(other))[0] ?? [words];
}

// The nearest place to `middle` at which `length` does not leave the drawing, whatever the font.
export function keepInside(middle, length, width) {
  const most = width - length / 2 - EDGE;
  return Math.max(Math.min(middle, most), length / 2 + EDGE);
}

// A name stands below its circle, or above it where arrows come from below and in the top row.
function name(node, placed, trails, measure, room) {
  const { x, y, radius } = placed[node.id];
  const words = capital(node.label);
  const lines = nameLines(words, radius * 2 + 44, measure);
  const width = Math.max(...lines.map((line) => measure(line, 14, "--sans", BOLD)));
  const middle = keepInside(x, width, room);
  const height = lines.length * 16;
  const others = Object.entries(placed).flatMap(([id, other]) => (id === node.id ? [] : [around(other)]));
  const top = Math.min(...Object.values(placed).map((other) => other.y));
  const boxes = [y + radius + 6, y - radius - 6 - height].map((upper) => ({
    left: middle - width / 2,
    right: middle + width / 2,
    top: upper,
    bottom: upper + height,
  }));
  const [below, above] = boxes.map((box) => cost({ ...box, dear: 0 }, [...others, ...trails]));
  const box = y === top || above < below ? boxes[1] : boxes[0];
  const spans = lines.map((line, n) =>
    shape("tspan", { x: round(middle), y: round(box.top + 13 + n * 16) }, line),
  );
  const look = {
    "text-anchor": "middle",
    "font-size": 14,
    "font-weight": BOLD,
    "font-family": "$sans",
    fill: "$ink",
  };
  return { box, drawn: shape("text", look, "", spans) };
}

// Small boxes along an arrow, which nothing should cover.
function trail({ start, bend, tip }) {
  const steps = Math.max(10, Math.round(Math.hypot(tip.x - start.x, tip.y - start.y) / 8));
  return Array.from({ length: steps }, (_, n) => {
    const { x, y } = curve(start, bend, tip, (n + 1) / steps);
    return { left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 };
  });
}

const around = ({ x, y, radius }) => ({
  left: x - radius,
  right: x + radius,
  top: y - radius,
  bottom: y + radius,
});

// An arrow as wide as its count is large; two that go to and fro stand beside each other, and one
// that would run through a third circle bends around it.
function arrow(edge, placed, edges) {
  const from = placed[edge.source];
  const to = placed[edge.target];
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const along = { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
  const aside = { x: along.y, y: -along.x };
  const both = edges.some((other) => other.source === edge.target && other.target === edge.source);
  const offset = both ? Math.min(12, from.radius * 0.28) : 0;
  const width = 1 + Math.log10(edge.count + 1) * 0.8;
  const gap = from.radius + 4;
  const start = {
    x: from.x + along.x * gap + aside.x * offset,
    y: from.y + along.y * gap + aside.y * offset,
  };
  const tip = { x: to.x - along.x * gap + aside.x * offset, y: to.y - along.y * gap + aside.y * offset };
  const bend = bendAround(edge, start, tip, aside, placed);
  return { edge, start, tip, bend, aside, both, shapes: arrowShapes(start, tip, bend, width) };
}

function bendAround(edge, start, tip, aside, placed) {
  const middle = { x: (start.x + tip.x) / 2, y: (start.y + tip.y) / 2 };
  for (const [id, node] of Object.entries(placed)) {
    if (id === edge.source || id === edge.target) {
      continue;
    }
    const { distance, side } = fromLine(node, start, tip, aside);
    if (distance < node.radius + 12) {
      const push = (side > 0 ? -1 : 1) * (node.radius + 22 - (side > 0 ? side : -side)) * 2;
      return { x: middle.x + aside.x * push, y: middle.y + aside.y * push };
    }
  }
  return middle;
}

function fromLine(node, start, tip, aside) {
  const length = Math.hypot(tip.x - start.x, tip.y - start.y);
  const along = ((node.x - start.x) * (tip.x - start.x) + (node.y - start.y) * (tip.y - start.y)) / length;
  const side = (node.x - start.x) * aside.x + (node.y - start.y) * aside.y;
  const beyond = Math.max(0, -along, along - length);
  return { distance: Math.hypot(side, beyond), side };
}

function arrowShapes(start, tip, bend, width) {
  const length = Math.hypot(tip.x - bend.x, tip.y - bend.y) || 1;
  const along = { x: (tip.x - bend.x) / length, y: (tip.y - bend.y) / length };
  const neck = { x: tip.x - along.x * 9, y: tip.y - along.y * 9 };
  const half = width / 2 + 3;
  const path = `M${round(start.x)} ${round(start.y)}Q${round(bend.x)} ${round(bend.y)} ${round(neck.x)} ${round(neck.y)}`;
  const head = [
    `M${round(tip.x)} ${round(tip.y)}`,
    `L${round(neck.x - along.y * half)} ${round(neck.y + along.x * half)}`,
    `L${round(neck.x + along.y * half)} ${round(neck.y - along.x * half)}z`,
  ];
  return [
    shape("path", { d: path, stroke: "$ink-3", "stroke-width": round(width), fill: "none" }),
    shape("path", { d: head.join(""), fill: "$ink-3" }),
  ];
}

// What happens and how often, beside the arrow, where it covers least of what is there already.
function label(drawn, taken, measure, room, narrow) {
  const { edge } = drawn;
  const words = narrow ? "" : edge.label;
  const counted = `${edge.how.includes("sample") ? "≈ " : ""}${count(edge.count)}`;
  const width = Math.max(measure(words, 12.5), measure(counted, 13.5, "--mono", BOLD));
  const height = words ? 33 : 16;
  const boxes = candidates(drawn, width, height, room);
  const best = boxes.reduce((least, box) => (cost(box, taken) < cost(least, taken) ? box : least));
  taken.push(best);
  const x = { start: best.left, middle: (best.left + best.right) / 2, end: best.right }[best.anchor];
  const common = { "text-anchor": best.anchor };
  const shapes = [
    text(x, best.bottom - 4, counted, {
      ...common,
      "font-size": 13.5,
      "font-weight": BOLD,
      "font-family": "$mono",
      fill: "$ink",
    }),
  ];
  return words ? [text(x, best.top + 12, words, { ...common, "font-size": 12.5 }), ...shapes] : shapes;
}

function candidates(drawn, width, height, room) {
  const { start, tip, bend, aside } = drawn;
  const boxes = [];
  for (const side of [1, -1]) {
    for (const share of [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8]) {
      const on = curve(start, bend, tip, share);
      const x = on.x + aside.x * side * 9;
      const y = on.y + aside.y * side * (9 + height / 2);
      const lean = aside.x * side;
      const anchor = lean > 0.25 ? "start" : lean < -0.25 ? "end" : "middle";
      const wanted = { start: x, middle: x - width / 2, end: x - width }[anchor];
      const left = keepInside(wanted + width / 2, width, room) - width / 2;
      boxes.push({
        left,
        right: left + width,
        top: y - height / 2,
        bottom: y + height / 2,
        anchor,
        dear: side < 0 ? 40 : 0,
      });
    }
  }
  return boxes;
}

function curve(start, bend, tip, t) {
  const mix = (a, b, c) => (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t ** 2 * c;
  return { x: mix(start.x, bend.x, tip.x), y: mix(start.y, bend.y, tip.y) };
}

const cost = (box, taken) => taken.reduce((sum, other) => sum + overlap(box, other), box.dear);

export function overlap(one, other) {
  const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return width > 0 && height > 0 ? width * height : 0;
}

// Where a token sits in its circle, when `total` share it. Pure.
export function seat({ x, y, radius }, place, total) {
  const away = total === 1 ? 0 : radius * (total === 2 ? 0.34 : total <= 5 ? 0.46 : 0.6);
  const angle = (place / total) * 2 * Math.PI - Math.PI / 2;
  return { x: x + away * Math.cos(angle), y: y + away * Math.sin(angle) };
}

// The diagram on the page, with its tokens.
export class StateDiagram {
  constructor(host, figure) {
    this.tokens = new Map();
    this.seated = {};
    this.drawing = new Drawing(host, figure, drawStates, {
      exportWidth: EXPORT_WIDTH,
      ondraw: (...drawn) => this.drawn(...drawn),
    });
  }

  drawn(svg, { placed }) {
    svg.classList.add("smap");
    Object.assign(this, { svg, placed });
    this.tokens.clear();
    this.at(this.seated);
  }

  // Put a token for every lane into its state: {lane: state}.
  at(states) {
    this.seated = states;
    const lanes = Object.keys(states).slice(0, MOST_TOKENS);
    this.tokens.forEach((token, lane) => (token.style.display = lanes.includes(lane) ? "" : "none"));
    for (const [place, lane] of lanes.entries()) {
      const together = lanes.filter((other) => states[other] === states[lane]);
      this.seat(lane, place + 1, states[lane], together.indexOf(lane), together.length);
    }
  }

  seat(lane, number, state, place, total) {
    const node = this.placed[state];
    const token = this.tokens.get(lane) ?? this.addToken(lane, number, node);
    token.style.display = node ? "" : "none";
    if (node) {
      const { x, y } = seat(node, place, total);
      token.style.transform = `translate(${round(x)}px,${round(y)}px)`;
    }
  }

  addToken(lane, number, node) {
    const words = {
      y: 4,
      "text-anchor": "middle",
      "font-size": 11.5,
      "font-weight": BOLD,
      "font-family": "$mono",
      fill: "$paper",
    };
    const token = element(
      shape("g", { class: "token" }, "", [
        shape("title", {}, lane),
        shape("circle", { r: (node?.radius ?? 46) > 36 ? 12 : 9, fill: "$ink" }),
        shape("text", words, String(number)),
      ]),
    );
    this.tokens.set(lane, token);
    this.svg.append(token);
    return token;
  }

  update() {
    this.drawing.update();
  }

  toSVG(wanted) {
    return this.drawing.toSVG(wanted);
  }

  toPNG() {
    return this.drawing.toPNG();
  }

  destroy() {
    this.drawing.destroy();
  }
}

function drawStates(figure, width, measure, patternId, height) {
  return figure.layout.nodes.length
    ? layoutStates(figure, Math.min(width, height ? WIDEST_FILLED : WIDEST), measure, patternId)
    : empty(width);
}

function empty(width) {
  const words = text(width / 2, 120, say("No transitions yet."), { "text-anchor": "middle", fill: "$ink-3" });
  return { width, height: 240, placed: {}, shapes: [words] };
}
