// One call under several models, on two lines: what the program did, what the kernel did for it.
// All models are aligned where their data arrived. The copy takes microseconds and the wait takes
// milliseconds, so that the axis has two scales there, and says so.
import { hatch, inLines, line, rect, round, shape, text } from "./svg.js";
import { moment, niceStep, ticks } from "./units.js";
import { capital, t as say } from "../words.js";

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
const MOMENT = { "text-anchor": "middle", "font-family": "$mono", fill: "$ink-3" };
const PAD = 14; // around all of it
const PHASE = 6; // pixels of a model above and below the ground of its phases
const LARGEST = 2.2; // times the usual letters, on a slide
const STEP = 0.05;

// Where things stand in the part of one model, and what is above and below all of them.
const USUAL = { letters: 1, head: 40, foot: 32, program: 42, kernel: 96, height: 112, line: 15, name: 14 };

// With larger letters no room is given away: two rows of names between the lanes, and nothing around them.
function tight(letters) {
  const name = Math.round(12.5 * letters);
  const program = Math.round(Math.max(HEIGHT + 5, 16 * letters));
  const kernel = program + 2 * name + HEIGHT + 5;
  const height = Math.max(kernel + 8, Math.round(program + 34 * letters));
  const [head, foot] = [Math.round(34 * letters), Math.round(26 * letters)];
  return { letters, head, foot, program, kernel, height, line: Math.round(13.5 * letters), name };
}

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

// The whole picture as shapes. Pure: `measure(words, size, family)` gives widths. In a given height letters are
// as large as fits.
export function layoutFlow(figure, width, measure, patternId = "hatch", height = 0) {
  for (let letters = height ? LARGEST : 1; letters > 1; letters -= STEP) {
    const drawn = width >= WIDE * letters && layoutAt(figure, width, measure, patternId, tight(letters));
    if (drawn && drawn.height <= height) {
      return drawn;
    }
  }
  return layoutAt(figure, width, measure, patternId, USUAL);
}

function layoutAt(figure, width, measure, patternId, sizes) {
  const models = figure.data.filter((trace) => trace.spans.length);
  const wide = width >= WIDE;
  const left = wide ? Math.round(188 * sizes.letters) : PAD;
  const right = wide ? Math.round(176 * sizes.letters) : PAD;
  const all = models.map(phases);
  const before = Math.max(0, figure.layout.before ?? 0, ...all.map(({ begin, ready }) => ready - begin));
  const after = Math.max(0, figure.layout.after ?? 0, ...all.map(({ ready, end }) => end - ready)) * 1.06;
  const scale = scales(before, after, left, width - left - right);
  const place = { left, right: width - right, width, wide, scale, before, after, measure, patternId, sizes };
  const heights = new Map(figure.layout.states.map((state) => [state.id, state]));
  const shapes = [shape("defs", {}, "", hatches(figure.layout.states, patternId)), ...header(place)];
  let y = sizes.head;
  models.forEach((trace, n) => {
    if (n) {
      shapes.push(line(PAD, y, width - PAD, y, { stroke: "$rule" }));
    }
    const drawn = modelShapes(trace, place, heights, y);
    shapes.push(...drawn.shapes);
    y += drawn.height;
  });
  shapes.push(...axis(place, y));
  return { width, height: Math.round(y + sizes.foot), shapes };
}

const hatches = (states, id) =>
  states.filter((state) => state.hatch).map((state) => hatch(`${id}-${state.id}`, `$st-${state.id}`));

// What the two halves of the axis mean.
function header({ left, right, scale, before, wide, sizes: { letters, head } }) {
  if (!before) {
    return [];
  }
  const beside = wide ? { x: 7, anchor: "start" } : { x: -7, anchor: "end" };
  const size = { "font-size": 12 * letters };
  const look = { "font-weight": 700, fill: "$ink", "text-anchor": beside.anchor, ...size };
  const y = head - 18;
  const shapes = [text(scale.seam + beside.x, y, say("data arrives"), look)];
  if (wide) {
    shapes.push(text(left, y, say("waiting for data"), size));
  }
  if (scale.magnified > MAGNIFIED) {
    const times = say("time magnified {factor}×", { factor: Math.round(scale.magnified) });
    shapes.push(
      text(right, y, times, {
        "text-anchor": "end",
        "font-family": "$mono",
        "font-size": 11 * letters,
        fill: "$ink-3",
      }),
    );
  }
  shapes.push(shape("path", { d: `M${round(scale.seam)} ${head - 11}l-4 -7h8z`, fill: "$ink" }));
  return shapes;
}

// Moments left and right of the arrival, each on its own scale; a zigzag where the scale changes.
function axis({ left, right, scale, before, after, measure, sizes: { letters } }, y) {
  const taken = [];
  const size = 11 * letters;
  const drawn = moments(left, right, scale, before, after, 90 * letters).flatMap(({ t, words }) => {
    const x = scale.x(t);
    const half = measure(words, size, "--mono") / 2 + 4;
    const at = Math.min(Math.max(x, left + half), right - half);
    const tick = line(x, y, x, y + 4, { stroke: "$ink-3" });
    if (taken.some((other) => Math.abs(other.at - at) < other.half + half)) {
      return [tick];
    }
    taken.push({ at, half });
    return [tick, text(at, y + 7 + size, words, { ...MOMENT, "font-size": size })];
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
function moments(left, right, scale, before, after, apart) {
  const found = [{ t: 0, words: "0" }];
  if (before) {
    const step = niceStep(before, Math.max(2, (scale.seam - left) / apart));
    const places = ticks(-before, 0, step).filter((t) => t < -step / 2);
    found.push(...places.map((t) => ({ t, words: `−${moment(-t, step)}` })));
  }
  if (after) {
    const step = niceStep(after, Math.max(2, (right - scale.seam) / apart));
    const places = ticks(0, after, step).filter((t) => t > step / 2);
    found.push(...places.map((t) => ({ t, words: `+${moment(t, step)}` })));
  }
  return found;
}

function modelShapes(trace, place, heights, top) {
  const { wide, left, measure, sizes } = place;
  const heading = wide ? 0 : 40;
  const lanes = { program: top + heading + sizes.program, kernel: top + heading + sizes.kernel };
  const noteLines = wide
    ? trace.note.split(/, |，/)
    : inLines(trace.note, place.width - 2 * PAD, (words) => measure(words, 11, "--mono"));
  const height = heading + sizes.height + (wide ? 0 : noteLines.length * 16 + 10);
  const shapes = [...phaseShapes(trace, place, top + heading + PHASE, sizes.height - 2 * PHASE)];
  for (const y of Object.values(lanes)) {
    shapes.push(line(left, y + 0.5, place.right, y + 0.5, { stroke: "$rule-2" }));
  }
  shapes.push(...trace.spans.map((span) => spanShape(span, trace, place, heights, lanes)));
  shapes.push(...callShapes(trace, place, lanes));
  shapes.push(...headingShapes(trace, place, lanes, top));
  const noteTop = wide ? lanes.program - 4 : lanes.kernel + 22;
  const noteAt = wide ? place.right + 12 : left;
  const note = { "font-family": "$mono", "font-size": 11 * sizes.letters };
  noteLines.forEach((words, n) => shapes.push(text(noteAt, noteTop + n * (sizes.line + 1), words, note)));
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

function headingShapes(trace, { wide, left, width, measure, sizes: { letters, line } }, lanes, top) {
  const title = { "font-family": "$serif", "font-size": 18 * letters, fill: "$ink" };
  const code = { "font-family": "$mono", "font-size": 11.5 * letters, fill: "$ink-3" };
  const words = capital(trace.label);
  const lanesNamed = { "font-size": 10.5 * letters, fill: "$ink-3", "text-anchor": "end" };
  if (wide) {
    const call = inLines(trace.call, left - PAD - 58 * letters, (text) => measure(text, 11.5 * letters, "--mono"));
    const most = letters === 1 ? 3 : 2;
    return [
      text(PAD, lanes.program, words, title),
      ...call.slice(0, most).map((part, n) => text(PAD, lanes.program + line + 4 + n * line, part, code)),
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
function callShapes(trace, { scale, left, right, measure, sizes }, lanes) {
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
      names.push(...callName(words, x, rows, { left, right, measure, lanes, sizes }));
    }
  }
  return [...shapes, ...names];
}

function callName(words, x, rows, { left, right, measure, lanes, sizes: { letters, name } }) {
  const size = 11 * letters;
  const width = measure(words, size, "--mono");
  const flip = x + 5 + width > right;
  const from = Math.max(left, flip ? x - 5 - width : x + 5);
  const row = rows.findIndex((end) => end + 6 <= from);
  if (row < 0) {
    return [];
  }
  rows[row] = from + width;
  const y = lanes.program + 6 + size + row * name;
  const ground = rect(from - 2, y - 0.9 * size, width + 4, 1.18 * size, { fill: "$screen/0.9", rx: 2 });
  return [ground, text(from, y, words, { "font-family": "$mono", "font-size": size, fill: "$ink" })]; // the ground keeps arrows out of the letters
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
