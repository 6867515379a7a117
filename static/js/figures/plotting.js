// What a chart needs before Plotly draws it: ranges, ticks, room for labels, labels apart. Pure.
import {
  angleOf,
  isBar,
  isLying,
  laid,
  legendOfMark,
  lyingHeight,
  markShapes,
  roomForNames,
  sizeOfNames,
  slant,
} from "./bars.js";
import { inLines } from "./svg.js";
import { number } from "./units.js";

const NARROW = 560; // pixels; below it labels stand under the chart instead of beside it
const LABEL_HEIGHT = 18;
const BESIDE = 0.4; // of the width, at most, for the labels at the right
const TIGHT = 0.75; // how much less than the usual room the two nearest ticks of a log axis may have
const PAD = 0.04; // of the range, left and right of the data
const HEADROOM = 0.07; // of the range, above the data

// A figure as traces and layout for a size, a key for what the chart itself cannot say, and the least height
// in which all of it can be read.
export function dress(figure, { width, height, measure, font = 1 }) {
  const narrow = width < NARROW;
  const { title: _, annotations = [], ...layout } = figure.layout;
  const named = annotations.filter((label) => label.name?.startsWith("end:"));
  const ends = narrow ? named : squeezed(named, { room: width * BESIDE - 34, font, measure });
  const [x, y] = ranges(figure.data, layout);
  const tall = lyingHeight(figure, { width, measure, font });
  const title = inLines(layout.yaxis?.title?.text ?? "", width - 24, (words) => measure(words, 12 * font));
  const sizes = { axis: layout.xaxis, narrow, ends, measure, width, font, titleLines: title.length };
  const beside = lyingMargins(sizes);
  const lying = isLying(figure, { width, measure, font }, { height, room: height - beside.t - beside.b });
  const slanted = lying ? 0 : slant(layout.xaxis, { width, measure, font });
  const margin = lying ? beside : margins({ ...sizes, slanted });
  const room = { width: width - margin.l - margin.r, height: height - margin.t - margin.b };
  const drawn = narrow ? [] : placeLabels(ends, { x, y, room, font });
  return {
    data: figure.data.map((trace, n) => plain(trace, n, figure.data, { font, lying })),
    layout: {
      ...layout,
      ...(lying
        ? lyingAxes(layout, y, room, { width, measure, font })
        : axes(layout, { x, y }, room, { measure, narrow, font, slanted })),
      shapes: [...(layout.shapes ?? []), ...markShapes(figure.data, layout.xaxis, lying)],
      annotations: [
        ...axisTitle(title, margin, font),
        ...(lying ? namesTitle(layout.xaxis, margin, measure, font) : drawn),
      ],
      margin,
      width,
      height,
      autosize: false,
      dragmode: narrow ? false : "zoom",
      uirevision: "stays",
      uniformtext: { mode: "hide", minsize: 9 },
    },
    key: keyOf(figure.data, narrow ? ends : []),
    least: tall && tall + beside.t + beside.b,
  };
}

// Plotly puts a trace's `uid` into selectors, where an id of ours may not stand. A single series of
// bars has room for its values inside.
function plain({ id: _, ...trace }, place, all, { font, lying }) {
  if (trace.on) {
    return { ...legendOfMark(trace), uid: `trace-${place}` };
  }
  const made = { ...(lying ? laid(trace) : trace), uid: `trace-${place}` };
  if (trace.line?.width) {
    made.line = { ...trace.line, width: trace.line.width * Math.sqrt(font) };
  }
  if (Number.isFinite(trace.marker?.size)) {
    made.marker = { ...trace.marker, size: trace.marker.size * Math.sqrt(font) };
  }
  if (trace.type === "bar" && all.length === 1) {
    Object.assign(made, {
      textposition: "inside",
      insidetextanchor: "middle",
      textangle: 0,
      insidetextfont: { color: "$screen" },
    });
  }
  return made;
}

// [x, y] as {low, high, log} in the axes' own measure; null where Plotly should choose.
export function ranges(data, layout) {
  const shown = data.filter((trace) => trace.x?.length);
  return [xRange(shown, layout.xaxis ?? {}), yRange(shown, layout.yaxis ?? {})];
}

function xRange(shown, axis) {
  if (axis.type === "category") {
    return null;
  }
  const found = extent(
    shown.flatMap((trace) => trace.x),
    axis.type === "log",
  );
  if (!found) {
    return { low: 0, high: 1, log: false, empty: true };
  }
  const pad = (found.high - found.low || 1) * PAD;
  return { ...found, low: found.low - pad, high: found.high + pad };
}

function yRange(shown, axis) {
  const log = axis.type === "log";
  if (axis.range) {
    return { low: axis.range[0], high: axis.range[1], log };
  }
  const found = extent(shown.flatMap(heights), log);
  if (!found) {
    return { low: 0, high: 1, log: false, empty: true };
  }
  const tall = found.high - (axis.rangemode === "tozero" ? Math.min(0, found.low) : found.low) || 1;
  const fromZero = axis.rangemode === "tozero" && found.low >= 0;
  const hasBars = shown.some((trace) => trace.type === "bar");
  const below = log && hasBars ? 0.3 + 0.05 * tall : HEADROOM * tall; // the lowest bar is seen too
  return { log, low: fromZero ? 0 : found.low - below, high: found.high + HEADROOM * tall };
}

function heights(trace) {
  const { y, error_y: whiskers } = trace;
  return whiskers ? y.flatMap((value, n) => [value, value + whiskers.array[n]]) : y;
}

function extent(values, log) {
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (!usable.length) {
    return null;
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of usable) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return log ? { low: Math.log10(low), high: Math.log10(high), log } : { low, high, log };
}

const rangeOf = (range) => (range ? { range: [range.low, range.high], showticklabels: !range.empty } : {});

// Room for the labels at the right, and for the title of the y axis above it.
function margins({ slanted, narrow, ends, measure, width, font, titleLines }) {
  const widest = widestAtEdge(ends, font, measure);
  const right = narrow || !widest ? 16 : Math.min(width * BESIDE, widest + 34);
  return {
    l: Math.round(58 * font),
    r: Math.round(right),
    t: Math.round((14 + titleLines * 16) * font),
    b: Math.round(46 * font + slanted),
  };
}

// Names stand at the left, as wide as they are, and values below.
function lyingMargins({ axis, measure, width, font, titleLines }) {
  const l = Math.round(roomForNames(axis, { width, measure, font }));
  return { l, r: Math.round(24 * font), t: Math.round((14 + titleLines * 16) * font), b: Math.round(32 * font) };
}

const sizeOf = (label) => label.font?.size ?? 13;

function widestAtEdge(ends, font, measure) {
  return Math.max(0, ...ends.filter(atEdge(ends)).map((label) => measure(bare(label.text), sizeOf(label) * font)));
}

// Labels too wide for the room beside the chart are set in smaller letters: none is ever cut.
function squeezed(ends, { room, font, measure }) {
  const share = Math.min(1, room / widestAtEdge(ends, font, measure));
  return share === 1 ? ends : ends.map((label) => ({ ...label, font: { ...label.font, size: sizeOf(label) * share } }));
}

// Labels of lines that reach the right edge; the others stand inside the chart.
function atEdge(ends) {
  const last = Math.max(...ends.filter((label) => label.xref !== "paper").map((label) => label.x));
  return (label) => label.xref === "paper" || label.x === last;
}

function placeLabels(ends, { x, y, room, font }) {
  const beside = ends.filter(atEdge(ends));
  const inside = ends.filter((label) => !beside.includes(label));
  const pixel = (label) => (1 - (label.y - y.low) / (y.high - y.low)) * room.height;
  const wished = beside.map(pixel);
  const apart = spread(wished, LABEL_HEIGHT * font, 6, room.height - 4);
  const placed = beside.map((label, n) => ({ ...sized(label, font), yshift: wished[n] - apart[n] }));
  return [...placed, ...inside.map((label) => placeInside(sized(label, font), x, room))];
}

function placeInside(label, x, room) {
  const at = ((label.x - x.low) / (x.high - x.low)) * room.width;
  const legible = { ...label, bgcolor: "$screen/0.8", borderpad: 1 };
  return at > room.width * 0.8 ? { ...legible, xanchor: "right", xshift: -12 } : legible;
}

const sized = (label, font) => ({ ...label, font: { ...label.font, size: sizeOf(label) * font } });

// Move places apart until neighbours keep `gap`, as little as possible, between low and high.
export function spread(places, gap, low, high) {
  const order = places.map((_, n) => n).sort((a, b) => places[a] - places[b]);
  const tight = Math.min(gap, order.length > 1 ? (high - low) / (order.length - 1) : gap);
  const blocks = [];
  for (const n of order) {
    blocks.push({ members: [n], at: Math.min(Math.max(places[n], low), high) });
    while (blocks.length > 1 && blocks.at(-2).at + blocks.at(-2).members.length * tight > blocks.at(-1).at) {
      blocks.push(joined(blocks.splice(-2), places, tight, low, high));
    }
  }
  const placed = [];
  for (const block of blocks) {
    block.members.forEach((n, rank) => (placed[n] = block.at + rank * tight));
  }
  return placed;
}

// Two blocks as one, around the mean of where its members want to be.
function joined([upper, lower], places, gap, low, high) {
  const members = [...upper.members, ...lower.members];
  const wish = members.reduce((sum, n, rank) => sum + places[n] - rank * gap, 0) / members.length;
  return { members, at: Math.min(Math.max(wish, low), high - (members.length - 1) * gap) };
}

const axes = (layout, { x, y }, room, { measure, narrow, font, slanted }) => ({
  xaxis: { ...xAxis(layout.xaxis, x, room, { measure, narrow, font }), tickangle: angleOf(slanted) },
  yaxis: { ...yAxis(layout.yaxis, y, room, font), title: undefined, fixedrange: narrow },
});

// The first name on top; values as upright bars have them, from left to right.
function lyingAxes(layout, y, room, { width, measure, font }) {
  const tickfont = { size: sizeOfNames(layout.xaxis, { width, measure, font }) };
  const fixed = { title: undefined, fixedrange: true, tickangle: 0 };
  const values = { ...layout.yaxis, ...rangeOf(y), ...logTicks(layout.yaxis, y, room.width / (64 * font)) };
  const names = { ...layout.xaxis, range: [layout.xaxis.categoryarray.length - 0.5, -0.5] };
  return {
    xaxis: { nticks: Math.max(2, Math.floor(room.width / (64 * font))), ...values, ...fixed, showgrid: true },
    yaxis: { dtick: 1, ...names, ...fixed, tickfont, showgrid: false },
    hovermode: "y",
  };
}

const yAxis = (axis, range, room, font) => ({
  ...axis,
  ...rangeOf(range),
  ...logTicks(axis, range, room.height / (26 * font)),
});

// Ticks at measured places, as many of them as there is room for.
function xAxis(axis, range, room, { measure, narrow, font }) {
  const made = { ...axis, ...rangeOf(range), fixedrange: narrow, title: { ...axis.title, standoff: 8 } };
  if (!axis.tickvals || !range) {
    delete made.tickvals;
    delete made.ticktext;
    return { ...made, ...(range ? logTicks(axis, range, room.width / (64 * font)) : {}) };
  }
  const at = axis.tickvals.map((value) => (range.log ? Math.log10(value) : value));
  const pixels = at.map((value) => ((value - range.low) / (range.high - range.low)) * room.width);
  const kept = thin(
    pixels,
    axis.ticktext.map((words) => measure(words, 12 * font, "--mono") + 8),
  );
  return {
    ...made,
    tickvals: kept.map((n) => axis.tickvals[n]),
    ticktext: kept.map((n) => axis.ticktext[n]),
  };
}

// Plotly's own labels of a logarithmic axis run into each other and lose their unit.
function logTicks(axis, range, most) {
  if (!range?.log || range.empty) {
    return {};
  }
  const values = decades(range.low, range.high, most);
  return {
    tickvals: values,
    ticktext: values.map((value) => number(value, unitOf(axis)).replace(/\.0+(?=\D|$)/, "")),
  };
}

const unitOf = (axis) => (axis.tickformat === ".0%" ? "share" : (axis.ticksuffix ?? ""));

// 1, 2, 5, 10 … between two powers of ten; fewer of them where that gives more than `most`. Pure.
export function decades(low, high, most) {
  for (const digits of [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
    const values = inDecades(low, high, digits, 1);
    if (values.length <= most && (TIGHT * (high - low)) / narrowest(values) <= most) {
      return values;
    }
  }
  return inDecades(low, high, [1], Math.ceil((high - low) / most));
}

// The smallest step between neighbours, in decades: 0.15 from 5 to 7.
function narrowest(values) {
  return Math.min(Infinity, ...values.slice(1).map((value, n) => Math.log10(value / values[n])));
}

function inDecades(low, high, digits, every) {
  const values = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    const here = power % every ? [] : digits.map((digit) => Number(`${digit}e${power}`));
    values.push(
      ...here.filter((value) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9),
    );
  }
  return values;
}

// Which labels fit beside each other; the first and the last one always, where they can.
export function thin(pixels, widths) {
  const fits = (a, b) => pixels[b] - pixels[a] >= (widths[a] + widths[b]) / 2;
  const last = pixels.length - 1;
  const kept = [0];
  for (let n = 1; n <= last; n += 1) {
    if (fits(kept.at(-1), n) && (n === last || fits(n, last))) {
      kept.push(n);
    }
  }
  return last < 0 ? [] : kept;
}

// The title of the y axis lies flat above it, where it can be read without turning the head.
function axisTitle(lines, margin, font) {
  const place = { xref: "paper", yref: "paper", x: 0, y: 1, xanchor: "left", yanchor: "bottom" };
  const look = { showarrow: false, align: "left", font: { size: 12 * font, color: "$ink-2" } };
  return lines.length
    ? [{ ...place, ...look, xshift: 10 - margin.l, yshift: 8, text: lines.join("<br>") }]
    : [];
}

// What the names beside lying bars are names of, below them and inside the chart, however wide the font is.
function namesTitle(axis, margin, measure, font) {
  const words = axis.title?.text ?? "";
  const most = margin.l - measure(words, 12.5 * font) - 4;
  const place = { xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "right", yanchor: "top" };
  const look = { showarrow: false, font: { size: 12.5 * font, color: "$ink-2" } };
  return [{ ...place, ...look, xshift: Math.max(-24 * font, -most), yshift: -4 * font, text: words }];
}

// What stands under the chart: labels that found no room in it, or the series of grouped bars.
function keyOf(data, ends) {
  const bars = data.filter((trace) => trace.type === "bar");
  if (bars.length > 1) {
    return bars.map((trace) => ({
      text: trace.name,
      color: [trace.marker.color].flat().length > 1 ? "$ink-2" : [trace.marker.color].flat()[0],
      pattern: trace.marker.pattern?.shape ?? "",
      ...(isBar(trace) && !isGuess(trace) ? {} : { guess: isBar(trace) ? "box" : "mark" }),
    }));
  }
  const dashes = new Map(data.map((trace) => [`end:${trace.id}`, trace.line?.dash]));
  return ends.map((label) => ({
    text: bare(label.text),
    color: label.font.color,
    dash: dashes.get(label.name) ?? (/^end:(reference|guess):/.test(label.name) ? "dash" : "solid"),
  }));
}

const isGuess = (trace) => trace.id.startsWith("guess:");

const SIGNS = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };

// The words of a label without Plotly's HTML.
export const bare = (words) => words.replace(/<\/?b>/g, "").replace(/&(lt|gt|amp);/g, (sign) => SIGNS[sign]);
