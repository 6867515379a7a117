// How lanes spent their time, as stacked bars of the same length. Coded like the timeline.
import { hatch, rect, shape, text } from "./svg.js";
import { percent } from "./units.js";

const BAR = 22;
const STEP = 34;

// Pure: `measure(words, size, family)` gives widths.
export function layoutShares(figure, width, measure, patternId = "hatch") {
  const states = new Map(figure.layout.states.map((state) => [state.id, state]));
  const labels = figure.data.map((trace) => measure(trace.label, 12, "--mono"));
  const gutter = Math.max(0, ...labels) + 24;
  const above = gutter > width * 0.3;
  const left = above ? 10 : gutter;
  const shapes = [shape("defs", {}, "", hatches(figure.layout.states, patternId))];
  let y = 12;
  for (const trace of figure.data) {
    const label = { "font-family": "$mono", fill: "$ink" };
    if (above) {
      shapes.push(text(left, y + 11, trace.label, label));
      y += 17;
    } else {
      shapes.push(text(left - 12, y + BAR / 2 + 4, trace.label, { ...label, "text-anchor": "end" }));
    }
    shapes.push(...barShapes(trace.parts, states, { left, width: width - left - 10, y, measure, patternId }));
    y += STEP;
  }
  return { width, height: y, shapes };
}

const hatches = (states, id) =>
  states.filter((state) => state.hatch).map((state) => hatch(`${id}-${state.id}`, `$st-${state.id}`));

function barShapes(parts, states, place) {
  const whole = parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  const shapes = [rect(place.left, place.y, place.width, BAR, { fill: "$grid" })];
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

function partShapes(state, share, { x, y, width, measure, patternId }) {
  const fill = state.hatch ? `url(#${patternId}-${state.id})` : `$st-${state.id}`;
  const outline = state.hatch
    ? { stroke: `$st-${state.id}`, "stroke-width": 1 }
    : { "fill-opacity": "$tl-body" };
  const shapes = [rect(x, y, Math.max(0.5, width - 0.8), BAR, { fill, ...outline })];
  const words = percent(share);
  const wide = measure(words, 11, "--mono") + 10;
  if (wide + 4 > width) {
    return shapes;
  }
  const label = { "text-anchor": "middle", "font-size": 11, "font-weight": 700, "font-family": "$mono" };
  const [back, ink] = state.hatch || state.id === "blocked" ? ["$screen", "$ink"] : ["none", "$screen"];
  shapes.push(rect(x + (width - wide) / 2, y + 3.5, wide, BAR - 7, { fill: back, rx: 2 }));
  shapes.push(text(x + width / 2, y + BAR / 2 + 4, words, { ...label, fill: ink }));
  return shapes;
}
