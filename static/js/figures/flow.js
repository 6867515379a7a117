// One call under several models, on two lines: what the program did, what the kernel did for it.
// All models are aligned where their data arrived. The copy takes microseconds and the wait takes
// milliseconds, so that the axis has two scales there, and says so.
import { hatch, inLines, line, rect, round, shape, text } from "./svg.js";
import { moment, niceStep, ticks } from "./units.js";
import { t as say } from "../words.js";

export const EXPORT_WIDTH = 1060;
export const EXPLAINED = say(
  "Time flows right. The upper line of each model is the program, the lower one the kernel.",
);
const WIDE = 720; // from here on names stand left of the lines, and numbers right of them
const ONE_SCALE = 0.2; // of the width, for what comes after the arrival: then no magnifying is needed
const SEAM = 0.56; // of the width, where the data arrives and the scale changes
const HEIGHT = 18; // of a state that fills its lane
const APART = 5; // pixels between arrows; nearer ones are left out
const MAGNIFIED = 1.5; // less is not worth a word
const MOMENT = { "text-anchor": "middle", "font-size": 11, "font-family": "$mono", fill: "$ink-3" };
const HEAD = 40;
const PAD = 14; // around all of it

// Pixels for seconds around the arrival: from(t) for t < 0, onward(t) for t ≥ 0. Pure.
export function scales(before, after, left, width) {
  const whole = before + after || 1;
  const seam = after / whole >= ONE_SCALE || before === 0 ? (before / whole) * width : SEAM * width;
  const slow = before ? seam / before : 0;
  const fast = after ? (width - seam) / after : 0;
  return {
    seam: left + seam,
    magnified: slow ? fast / slow : 1,
    x: (t) => left + seam + (t < 0 ? t * slow : t * fast),
  };
}

// Where a model begins, when its data was there, when it ends; in seconds, as the trace says.
export function phases(trace) {
  const begin = Math.min(...trace.spans.map(([, start]) => start));
  const end = Math.max(...trace.spans.map(([, , finish]) => finish));
  const ready = trace.ready_s ?? trace.done_s ?? end;
  return { begin, ready, done: Math.max(ready, trace.done_s ?? end), end };
}

// The whole picture as shapes. Pure: `measure(words, size, family)` gives widths.
export function layoutFlow(figure, width, measure, patternId = "hatch") {
  const models = figure.data.filter((trace) => trace.spans.length);
  const wide = width >= WIDE;
  const left = wide ? 188 : PAD;
  const right = wide ? 176 : PAD;
  const all = models.map(phases);
  const before = Math.max(0, figure.layout.before ?? 0, ...all.map(({ begin, ready }) => ready - begin));
  const after = Math.max(0, figure.layout.after ?? 0, ...all.map(({ ready, end }) => end - ready)) * 1.06;
  const scale = scales(before, after, left, width - left - right);
  const place = { left, right: width - right, width, wide, scale, before, after, measure, patternId };
  const heights = new Map(figure.layout.states.map((state) => [state.id, state]));
  const shapes = [shape("defs", {}, "", hatches(figure.layout.states, patternId)), ...header(place)];
  let y = HEAD;
  models.forEach((trace, n) => {
    if (n) {
      shapes.push(line(PAD, y, width - PAD, y, { stroke: "$rule" }));
    }
    const drawn = modelShapes(trace, place, heights, y);
    shapes.push(...drawn.shapes);
    y += drawn.height;
  });
  shapes.push(...axis(place, y));
  return { width, height: Math.round(y + 32), shapes };
}

const hatches = (states, id) =>
  states.filter((state) => state.hatch).map((state) => hatch(`${id}-${state.id}`, `$st-${state.id}`));

// What the two halves of the axis mean.
function header({ left, right, scale, before, wide }) {
  if (!before) {
    return [];
  }
  const beside = wide ? { x: 7, anchor: "start" } : { x: -7, anchor: "end" };
  const look = { "font-weight": 700, fill: "$ink", "text-anchor": beside.anchor };
  const shapes = [text(scale.seam + beside.x, 22, say("data arrives"), look)];
  if (wide) {
    shapes.push(text(left, 22, say("waiting for data")));
  }
  if (scale.magnified > MAGNIFIED) {
    const times = say("time magnified {factor}×", { factor: Math.round(scale.magnified) });
    shapes.push(
      text(right, 22, times, {
        "text-anchor": "end",
        "font-family": "$mono",
        "font-size": 11,
        fill: "$ink-3",
      }),
    );
  }
  shapes.push(shape("path", { d: `M${round(scale.seam)} 29l-4 -7h8z`, fill: "$ink" }));
  return shapes;
}

// Moments left and right of the arrival, each on its own scale; a zigzag where the scale changes.
function axis({ left, right, scale, before, after, measure }, y) {
  const taken = [];
  const drawn = moments(left, right, scale, before, after).flatMap(({ t, words }) => {
    const x = scale.x(t);
    const half = measure(words, 11, "--mono") / 2 + 4;
    const at = Math.min(Math.max(x, left + half), right - half);
    const tick = line(x, y, x, y + 4, { stroke: "$ink-3" });
    if (taken.some((other) => Math.abs(other.at - at) < other.half + half)) {
      return [tick];
    }
    taken.push({ at, half });
    return [tick, text(at, y + 18, words, MOMENT)];
  });
  const zigzag = {
    d: `M${round(scale.seam - 14)} ${y + 5}l4 -9m2 9l4 -9`,
    stroke: "$ink-2",
    "stroke-width": 1.3,
  };
  const seam = scale.magnified > MAGNIFIED ? [shape("path", { ...zigzag, fill: "none" })] : [];
  return [line(left, y + 0.5, right, y + 0.5, { stroke: "$rule-2" }), ...drawn, ...seam];
}

// The arrival first: where labels would touch, the earlier ones of this list stay.
function moments(left, right, scale, before, after) {
  const found = [{ t: 0, words: "0" }];
  if (before) {
    const step = niceStep(before, Math.max(2, (scale.seam - left) / 90));
    const places = ticks(-before, 0, step).filter((t) => t < -step / 2);
    found.push(...places.map((t) => ({ t, words: `−${moment(-t, step)}` })));
  }
  if (after) {
    const step = niceStep(after, Math.max(2, (right - scale.seam) / 90));
    const places = ticks(0, after, step).filter((t) => t > step / 2);
    found.push(...places.map((t) => ({ t, words: `+${moment(t, step)}` })));
  }
  return found;
}

function modelShapes(trace, place, heights, top) {
  const { wide, left, measure } = place;
  const heading = wide ? 0 : 40;
  const lanes = { program: top + heading + 42, kernel: top + heading + 96 };
  const noteLines = wide
    ? trace.note.split(/, |，/)
    : inLines(trace.note, place.width - 2 * PAD, (words) => measure(words, 11, "--mono"));
  const height = heading + 112 + (wide ? 0 : noteLines.length * 16 + 10);
  const shapes = [...phaseShapes(trace, place, top + heading + 6, 100)];
  for (const y of Object.values(lanes)) {
    shapes.push(line(left, y + 0.5, place.right, y + 0.5, { stroke: "$rule-2" }));
  }
  shapes.push(...trace.spans.map((span) => spanShape(span, trace, place, heights, lanes)));
  shapes.push(...callShapes(trace, place, lanes));
  shapes.push(...headingShapes(trace, place, lanes, top));
  const noteTop = wide ? lanes.program - 4 : lanes.kernel + 22;
  const noteAt = wide ? place.right + 12 : left;
  noteLines.forEach((words, n) =>
    shapes.push(text(noteAt, noteTop + n * 16, words, { "font-family": "$mono", "font-size": 11 })),
  );
  return { shapes, height };
}

function phaseShapes(trace, { scale }, y, height) {
  const { begin, ready, done } = phases(trace);
  const waiting = rect(scale.x(begin - ready), y, scale.seam - scale.x(begin - ready), height, {
    fill: "$grid",
    opacity: 0.6,
  });
  const copying = rect(scale.seam, y, scale.x(done - ready) - scale.seam, height, {
    fill: "$grid-2",
    opacity: 0.6,
  });
  return [waiting, copying];
}

function spanShape([lane, start, end, state], trace, { scale, patternId }, heights, lanes) {
  const { ready } = phases(trace);
  const drawn = heights.get(state) ?? { height: 0.5 };
  const height = Math.max(3, HEIGHT * drawn.height);
  const [x, x2] = [scale.x(start - ready), scale.x(end - ready)];
  const fill = drawn.hatch ? `url(#${patternId}-${state})` : `$st-${state}`;
  const outline = drawn.hatch
    ? { stroke: `$st-${state}`, "stroke-width": 1 }
    : { "fill-opacity": "$tl-body" };
  return rect(x, lanes[lane] - height, Math.max(1, x2 - x - 0.6), height, { fill, ...outline });
}

function headingShapes(trace, { wide, left, width, measure }, lanes, top) {
  const title = { "font-family": "$serif", "font-size": 18, fill: "$ink" };
  const code = { "font-family": "$mono", "font-size": 11.5, fill: "$ink-3" };
  const words = trace.label.charAt(0).toUpperCase() + trace.label.slice(1);
  const lanesNamed = { "font-size": 10.5, fill: "$ink-3", "text-anchor": "end" };
  if (wide) {
    const call = inLines(trace.call, left - PAD - 58, (text) => measure(text, 11.5, "--mono"));
    return [
      text(PAD, lanes.program, words, title),
      ...call.slice(0, 3).map((part, n) => text(PAD, lanes.program + 19 + n * 15, part, code)),
      text(left - 8, lanes.program + 1, say("program"), lanesNamed),
      text(left - 8, lanes.kernel + 1, say("kernel"), lanesNamed),
    ];
  }
  const room = width - 2 * left - measure(words, 18, "--serif") - 10;
  const beside =
    measure(trace.call, 11.5, "--mono") <= room
      ? [text(width - left, top + 24, trace.call, { ...code, "text-anchor": "end" })]
      : [];
  return [text(left, top + 24, words, title), ...beside];
}

// Arrows between the lanes. Names go where there is room, in two rows; the rest stays unnamed.
function callShapes(trace, { scale, left, right, measure }, lanes) {
  const { ready } = phases(trace);
  const shapes = [];
  const names = [];
  const last = { 1: -Infinity, "-1": -Infinity };
  const rows = [-Infinity, -Infinity];
  let newest = -Infinity;
  for (const [t, way, words] of trace.calls) {
    let x = scale.x(t - ready);
    if (x - last[way] < APART && !words) {
      continue;
    }
    x = Math.min(right - 2, x - newest < APART ? newest + APART : x); // a call and its return stay apart
    newest = x;
    last[way] = x;
    shapes.push(...arrowShapes(x, way, lanes));
    if (words) {
      names.push(...callName(words, x, rows, { left, right, measure, lanes }));
    }
  }
  return [...shapes, ...names];
}

const CALL = { "font-family": "$mono", "font-size": 11, fill: "$ink" };

function callName(words, x, rows, { left, right, measure, lanes }) {
  const width = measure(words, 11, "--mono");
  const flip = x + 5 + width > right;
  const from = Math.max(left, flip ? x - 5 - width : x + 5);
  const row = rows.findIndex((end) => end + 6 <= from);
  if (row < 0) {
    return [];
  }
  rows[row] = from + width;
  const y = lanes.program + 17 + row * 14;
  const ground = rect(from - 2, y - 10, width + 4, 13, { fill: "$screen/0.9", rx: 2 });
  return [ground, text(from, y, words, CALL)]; // the ground keeps arrows out of the letters
}

function arrowShapes(x, way, lanes) {
  const [upper, lower] = [lanes.program + 2, lanes.kernel - 20];
  const [from, to] = way > 0 ? [upper, lower] : [lower, upper];
  const stem = { stroke: "$ink-2", "stroke-width": 1.2 };
  if (way < 0) {
    stem["stroke-dasharray"] = "3 2";
  }
  return [
    line(x, from, x, to - way * 5, stem),
    shape("path", { d: `M${round(x)} ${round(to)}l-3.4 ${-way * 6}h6.8z`, fill: "$ink-2" }),
  ];
}
