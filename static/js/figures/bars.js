// Bars for Plotly: lying where their names would be crowded below them, and what was guessed of one of a
// group as a mark across it. Pure.

export const GAP = 0.35; // of the room of a name, between groups
const SLANT = 38; // degrees
const LEAST_SLANTED = 40; // pixels from a slanted name to the next
const LYING = 9; // pixels of a lying bar
const LEAST_LYING = 23; // of a name of lying bars, where there is room
const TIGHTEST = 1.5; // heights of a letter for a name, in a picture whose height is given
const STEEP = 0.26; // of the height, at most, for slanted names: more would leave too little for their bars
const MOST_NAMES = 0.6; // of the width, for names beside the bars
const MARK = { color: "$ink", width: 2.4, dash: "5px,3px" };

const namesOf = (axis) => (axis?.type === "category" ? (axis.categoryarray ?? []) : []);
const widestOf = (names, measure, font) => Math.max(0, ...names.map((name) => measure(name, 11.5 * font, "--mono")));

// How much room names of categories need below the axis when they must be slanted; 0 where they fit.
export function slant(axis, { width, measure, font }) {
  const names = namesOf(axis);
  const widest = widestOf(names, measure, font);
  const isWide = widest + 8 > (width - 74 * font) / names.length;
  return isWide ? widest * Math.sin((SLANT * Math.PI) / 180) : 0;
}

export const angleOf = (slanted) => (slanted ? -SLANT : 0);

// The height that bars need to lie, where even slanted names would stand too close; 0 where they stand.
export function lyingHeight({ data, layout }, { width, measure, font }) {
  const names = namesOf(layout.xaxis);
  const isCrowded =
    slant(layout.xaxis, { width, measure, font }) && (width - 74 * font) / names.length < LEAST_SLANTED * font;
  const each = Math.max(LEAST_LYING, (LYING * data.filter(isBar).length) / (1 - GAP));
  return isCrowded ? names.length * each * font : 0;
}

// Whether bars lie: their names are crowded or take too much of the height, and can be read beside them.
export function isLying({ data, layout }, sizes, { height, room }) {
  const isWished = lyingHeight({ data, layout }, sizes) > 0 || slant(layout.xaxis, sizes) > STEEP * height;
  return isWished && room >= namesOf(layout.xaxis).length * 11.5 * TIGHTEST * sizes.font;
}

export const roomForNames = (axis, { width, measure, font }) =>
  Math.min(width * MOST_NAMES, widestOf(namesOf(axis), measure, font) + 18 * font);

// Letters of names that are wider than that room: small enough that none is cut.
export function sizeOfNames(axis, { width, measure, font }) {
  const room = roomForNames(axis, { width, measure, font }) - 18 * font;
  return 11.5 * font * Math.min(1, room / (widestOf(namesOf(axis), measure, font) || 1));
}

export const isBar = (trace) => trace.type === "bar" && !trace.on;

// A trace of bars on its side.
export function laid({ x, y, error_y: whiskers, ...trace }) {
  return { ...trace, x: y, y: x, orientation: "h", ...(whiskers && { error_x: whiskers }) };
}

// Guesses of bars in groups: a line across the bar of the series `on`, and below it one that keeps it apart.
export function markShapes(data, axis, lying) {
  const bars = data.filter(isBar);
  const names = namesOf(axis);
  const thick = (1 - GAP) / bars.length;
  return data
    .filter((trace) => trace.on)
    .flatMap(({ on, x, y }) => {
      const order = bars.findIndex(({ id }) => id === on);
      const there = x.map((name, n) => [names.indexOf(name), y[n]]).filter(([place]) => order >= 0 && place >= 0);
      const aside = (order + 0.5 - bars.length / 2) * thick;
      return there.flatMap(([place, value]) => markAt(place + aside, value, thick, lying));
    });
}

function markAt(middle, value, thick, lying) {
  const [along, across] = lying ? ["y", "x"] : ["x", "y"];
  const ends = {
    [`${along}0`]: middle - thick * 0.65,
    [`${along}1`]: middle + thick * 0.65,
    [`${across}0`]: value,
    [`${across}1`]: value,
  };
  const drawn = { type: "line", layer: "above", ...ends };
  return [
    { ...drawn, line: { color: "$screen", width: 6 } },
    { ...drawn, line: MARK },
  ];
}

// What stands for a mark in the legend of a file.
export function legendOfMark({ name }) {
  const nowhere = { x: [null], y: [null], hoverinfo: "skip" };
  return { type: "scatter", mode: "lines", name, line: MARK, ...nowhere };
}
