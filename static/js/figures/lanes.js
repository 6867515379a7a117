// Where the spans of a timeline go. Pure: numbers in, rectangles out.

const DENSE = 0.6; // spans for each pixel column; above it a lane shows shares instead of spans
const AVERAGED = 4; // spans for each column of shares; with fewer, slices beat with pixels and draw a pattern
const PURE = 0.98; // of a column in one state: neighbours of the same state join
const SEEN = 0.004; // of a column; less is not drawn
const LEAST = 0.03; // height of a part that is drawn at all

// One lane's spans as typed columns that catch up with a growing trace.
export class Lane {
  constructor(trace) {
    this.id = trace.id;
    this.count = 0;
    this.start = new Float64Array(256);
    this.end = new Float64Array(256);
    this.state = new Uint8Array(256);
    this.source = trace.start;
  }

  // Take what the trace has more than this lane. `codes` maps a state's id to its place.
  catchUp(trace, codes) {
    const total = trace.start.length;
    this.reserve(total);
    for (let i = this.count; i < total; i += 1) {
      this.start[i] = trace.start[i];
      this.end[i] = trace.end[i];
      this.state[i] = codes.get(trace.state[i]);
    }
    this.count = total;
  }

  reserve(total) {
    if (total <= this.start.length) {
      return;
    }
    const room = Math.max(total, this.start.length * 2);
    for (const name of ["start", "end", "state"]) {
      const grown = new this[name].constructor(room);
      grown.set(this[name]);
      this[name] = grown;
    }
  }
}

// The first place whose value is not below `limit`, in `count` ascending values.
export function lowerBound(values, limit, count = values.length) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < limit) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The spans of a lane that a view shows: [first, last).
export function visible(lane, from, to) {
  const first = Math.max(0, lowerBound(lane.end, from, lane.count));
  return [first, lowerBound(lane.start, to, lane.count)];
}

// Rectangles of the visible part of a lane: emit(x, width, state, bottom, top); x and width in
// columns, bottom and top as shares of the lane's height. Says which of two ways it drew.
export function layoutLane(lane, states, view, width, emit) {
  const [first, last] = visible(lane, view.from, view.to);
  if (last - first <= width * DENSE) {
    layoutSpans(lane, first, last, states, view, width, emit);
    return "spans";
  }
  layoutShares(lane, first, last, states, view, width, emit);
  return "shares";
}

// Columns of a few pixels, so wide that each averages over several spans.
function layoutShares(lane, first, last, states, view, width, emit) {
  const step = Math.ceil((AVERAGED * width) / (last - first));
  const columns = Math.ceil(width / step);
  const wide = { from: view.from, to: view.from + ((view.to - view.from) * columns * step) / width };
  const sums = sumColumns(lane, first, last, states.length, wide, columns);
  layoutColumns(sums, states, columns, (column, count, ...rest) => {
    const left = column * step;
    emit(left, Math.min(count * step, width - left), ...rest);
  });
}

function layoutSpans(lane, first, last, states, view, width, emit) {
  const scale = width / (view.to - view.from);
  for (let i = first; i < last; i += 1) {
    const left = Math.max(0, (lane.start[i] - view.from) * scale);
    const right = Math.min(width, (lane.end[i] - view.from) * scale);
    if (right >= left) {
      emit(left, Math.max(1, right - left), lane.state[i], 0, states[lane.state[i]].height);
    }
  }
}

// How much of each pixel column was spent in each state, column by column.
export function sumColumns(lane, first, last, count, view, width) {
  const sums = new Float32Array(width * count);
  const scale = width / (view.to - view.from);
  const { start, end, state } = lane;
  for (let i = first; i < last; i += 1) {
    const left = Math.max(0, (start[i] - view.from) * scale);
    const right = Math.min(width, (end[i] - view.from) * scale);
    const code = state[i];
    let column = Math.min(width - 1, left | 0);
    if (right <= column + 1) {
      sums[column * count + code] += right - left;
      continue;
    }
    sums[column * count + code] += column + 1 - left;
    for (column += 1; column + 1 <= right; column += 1) {
      sums[column * count + code] += 1;
    }
    if (right > column) {
      sums[column * count + code] += right - column;
    }
  }
  return sums;
}

function layoutColumns(sums, states, width, emit) {
  const count = states.length;
  let pure = -1; // the state of the run of columns that is open
  let from = 0;
  for (let column = 0; column <= width; column += 1) {
    const state = column < width ? pureState(sums, column * count, count) : -1;
    if (state !== pure) {
      if (pure >= 0) {
        emit(from, column - from, pure, 0, states[pure].height);
      }
      pure = state;
      from = column;
    }
    if (state < 0 && column < width) {
      stack(sums, column, states, emit);
    }
  }
}

function pureState(sums, offset, count) {
  for (let state = 0; state < count; state += 1) {
    if (sums[offset + state] > PURE) {
      return state;
    }
  }
  return -1;
}

// Shares on top of each other, each as high as the state would be, times its share.
function stack(sums, column, states, emit) {
  let bottom = 0;
  for (let state = 0; state < states.length; state += 1) {
    const share = sums[column * states.length + state];
    if (share > SEEN) {
      const height = share * states[state].height;
      emit(column, 1, state, bottom, Math.min(1, bottom + Math.max(height, LEAST)));
      bottom += height;
    }
  }
}

// The state of a lane at a moment; -1 where nothing is known.
export function stateAt(lane, moment) {
  const place = spanAt(lane, moment);
  return place < 0 ? -1 : lane.state[place];
}

export function spanAt(lane, moment) {
  const place = lowerBound(lane.end, moment, lane.count);
  return place < lane.count && lane.start[place] <= moment ? place : -1;
}

const LEAST_PITCH = 15; // from one lane to the next, for labels of 12 pixels
const SIZES = [
  { upTo: 12, lane: 22, gap: 7 },
  { upTo: 28, lane: 15, gap: 5 },
  { upTo: Infinity, lane: 11, gap: 4 },
];

// Lanes of a group stand together, in the order in which groups and lanes appeared.
export function inGroups(traces) {
  const groups = new Map();
  for (const trace of traces) {
    groups.set(trace.group, [...(groups.get(trace.group) ?? []), trace]);
  }
  return [...groups.values()].flat();
}

// The frame of a drawing: where lanes, labels and group heads go, for a width in pixels.
// Where labels would take too much of a narrow screen they stand above their lanes. Lanes are thinner
// where `room`, the height for all of it, wants that, but never so thin that their labels touch.
export function frame(lanes, width, labelWidth, { font = 12, room = Infinity } = {}) {
  const scale = font / 12;
  const above = labelWidth + 20 > width * 0.28;
  const labelHeight = above ? Math.round(16 * scale) : 0;
  const groups = new Set(lanes.map((lane) => lane.group).filter(Boolean)).size;
  const free = room - Math.round(26 * scale) - groups * Math.round(24 * scale);
  const pitch = (free / lanes.length - labelHeight) / scale;
  const size = thinned(SIZES.find(({ upTo }) => lanes.length <= upTo), pitch);
  const made = {
    left: above ? 1 : Math.ceil(labelWidth + 20),
    above,
    laneHeight: Math.round(size.lane * scale),
  };
  const rows = [];
  const heads = [];
  const gap = Math.round(size.gap * scale);
  let y = gap;
  let group = "";
  for (const lane of lanes) {
    if (lane.group && lane.group !== group) {
      heads.push({ y, text: lane.group });
      y += Math.round(24 * scale);
    }
    group = lane.group;
    rows.push({ label: y, y: y + labelHeight });
    y += labelHeight + made.laneHeight + gap;
  }
  const axis = Math.round(26 * scale);
  return { ...made, rows, heads, gap, bottom: y, height: y + axis, plot: width - made.left - 1 };
}

function thinned(size, pitch) {
  const apart = Math.max(LEAST_PITCH, Math.floor(pitch));
  return apart >= size.lane + size.gap ? size : { lane: Math.round(apart * 0.76), gap: apart - Math.round(apart * 0.76) };
}

// A view of at least a millionth of the whole, inside the whole.
export function clamp(view, whole) {
  const length = whole.to - whole.from;
  const span = Math.min(length, Math.max(length / 1e6, view.to - view.from));
  const from = Math.min(Math.max(view.from, whole.from), whole.to - span);
  return { from, to: from + span };
}

export function zoomed(view, whole, factor, at = (view.from + view.to) / 2) {
  const span = (view.to - view.from) * factor;
  const limited = Math.min(whole.to - whole.from, Math.max((whole.to - whole.from) / 1e6, span));
  const from = at - (limited * (at - view.from)) / (view.to - view.from);
  return clamp({ from, to: from + limited }, whole);
}

export function panned(view, whole, share) {
  const distance = (view.to - view.from) * share;
  return clamp({ from: view.from + distance, to: view.to + distance }, whole);
}
