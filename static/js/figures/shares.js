// How lanes spent their time, as stacked bars of the same length. Coded like the timeline.
import { hatch, line, rect, shape, text } from "./svg.js";
import { percent } from "./units.js";

const BAR = 22;
const STEP = 34;
const MARKED = 7; // more room below a lane with a mark, for its words

// Pure: `measure(words, size, family)` gives widths.
export function layoutShares(figure, width, measure, patternId = "hatch") {
  const states = new Map(figure.layout.states.map((state) => [state.id, state]));
  const labels = figure.data.map((trace) => measure(trace.label, 12, "--mono"));
  const gutter = Math.max(0, ...labels) + 24;
  const above = gutter > width * 0.3;
  const left = above ? 10 : gutter;
  const shapes = [shape("defs", {}, "", hatches(figure.layout.states, patternId))];
  const { marks = [] } = figure.layout;
  let y = 12;
  for (const trace of figure.data) {
    const label = { "font-family": "$mono", fill: "$ink" };
    if (above) {
      shapes.push(text(left, y + 11, trace.label, label));
      y += 17;
    } else {
      shapes.push(text(left - 12, y + BAR / 2 + 4, trace.label, { ...label, "text-anchor": "end" }));
    }
    const place = { left, width: width - left - 10, y, measure, patternId, guessed: isGuess(trace) };
    shapes.push(...barShapes(trace.parts, states, place));
    const here = marks.filter((mark) => mark.lane === trace.id);
    shapes.push(...here.flatMap((mark) => markShapes(mark, place)));
    y += STEP + (here.length ? MARKED : 0);
  }
  return { width, height: y, shapes };
}

const isGuess = (trace) => trace.id.startsWith("guess:");

const hatches = (states, id) =>
  states.filter((state) => state.hatch).map((state) => hatch(`${id}-${state.id}`, `$st-${state.id}`));

function barShapes(parts, states, place) {
  const whole = parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  const shapes = place.guessed ? [] : [rect(place.left, place.y, place.width, BAR, { fill: "$grid" })];
  let x = place.left;
  for (const [id, seconds] of parts) {
    const width = whole ? (seconds / whole) * place.width : 0;
    if (width > 0) {
      shapes.push(...partShapes(states.get(id), seconds / whole, { ...place, x, width }));
    }
    x += width;
  }
  return shapes;
}

function partShapes(state, share, { x, y, width, measure, patternId, guessed }) {
  const fill = state.hatch ? `url(#${patternId}-${state.id})` : `$st-${state.id}`;
  const look = guessed ? guessedPart(state, fill) : measuredPart(state, fill);
  const shapes = [rect(x, y, Math.max(0.5, width - 0.8), BAR, look)];
  const words = percent(share);
  const wide = measure(words, 11, "--mono") + 10;
  if (wide + 4 > width) {
    return shapes;
  }
  const label = { "text-anchor": "middle", "font-size": 11, "font-weight": 700, "font-family": "$mono" };
  const light = guessed || state.hatch || state.id === "blocked";
  const [back, ink] = light ? ["$screen", "$ink"] : ["none", "$screen"];
  shapes.push(rect(x + (width - wide) / 2, y + 3.5, wide, BAR - 7, { fill: back, rx: 2 }));
  shapes.push(text(x + width / 2, y + BAR / 2 + 4, words, { ...label, fill: ink }));
  return shapes;
}

function measuredPart(state, fill) {
  return state.hatch
    ? { fill, stroke: `$st-${state.id}`, "stroke-width": 1 }
    : { fill, "fill-opacity": "$tl-body" };
}

// What somebody predicted: the same code, drawn faintly in a dashed outline.
const guessedPart = (state, fill) => ({
  fill,
  "fill-opacity": state.hatch ? 0.55 : 0.22,
  stroke: `$st-${state.id}`,
  "stroke-width": 1.5,
  "stroke-dasharray": "4 3",
});

// A share that was predicted, as a dashed line across its lane with its words below.
function markShapes({ at, label }, { left, width, y, measure }) {
  const x = left + Math.min(1, Math.max(0, at)) * width;
  const [top, bottom] = [y - 5, y + BAR + 4];
  const half = measure(label, 11, "--sans") / 2;
  const middle = Math.min(Math.max(x, left + half), left + width - half);
  return [
    line(x, top, x, bottom, { stroke: "$screen", "stroke-width": 5 }),
    line(x, top, x, bottom, { stroke: "$ink", "stroke-width": 2, "stroke-dasharray": "5 3" }),
    text(middle, y + BAR + 11, label, { "text-anchor": "middle", "font-size": 11, fill: "$ink" }),
  ];
}
