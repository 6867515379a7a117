// Where things stand on a pad, in pixels. Pure.

export const HIT = 22; // radius of what a finger hits
const CLOSE = 14; // handles of one column that are nearer than this stand side by side
const DODGE = 16; // pixels between their middles
const LABEL_GAP = 16; // between two names at the end of their lines

// A line pad: a column for each place, first of them where the lines start.
export function lineFrame(pad, { width, height, labelWidth, markWidth = 28 }) {
  const places = [...new Set(pad.points.map((point) => point.x))].sort((a, b) => a - b);
  const starts = pad.starts && !places.includes(pad.starts[0]) ? [pad.starts[0]] : [];
  const columns = [...starts, ...places];
  const box = { left: Math.max(44, markWidth + 16), right: width - labelWidth, top: 16, bottom: height - 42 };
  const gap = (box.right - box.left) / Math.max(1, columns.length - 1);
  const x = new Map(columns.map((column, n) => [column, columns.length > 1 ? box.left + n * gap : (box.left + box.right) / 2]));
  return { box, columns, x };
}

export const yOf = (box, place) => box.bottom - place * (box.bottom - box.top);
export const placeOfY = (box, y) => (box.bottom - y) / (box.bottom - box.top);
export const xOf = (box, place) => box.left + place * (box.right - box.left);
export const placeOfX = (box, x) => (x - box.left) / (box.right - box.left);

// How far each handle of a column steps aside, so that none hides another: [y…] → [dx…].
export function aside(ys) {
  const order = ys.map((_, n) => n).sort((a, b) => ys[a] - ys[b] || a - b);
  const moved = ys.map(() => 0);
  let heap = [];
  const settle = () => {
    heap.sort((a, b) => a - b);
    heap.forEach((n, place) => (moved[n] = (place - (heap.length - 1) / 2) * DODGE));
    heap = [];
  };
  for (const n of order) {
    if (heap.length && ys[n] - ys[heap.at(-1)] >= CLOSE) {
      settle();
    }
    heap.push(n);
  }
  settle();
  return moved;
}

// The same heights, pushed apart so that the names beside them can be read.
export function apart(ys, gap = LABEL_GAP) {
  const order = ys.map((_, n) => n).sort((a, b) => ys[a] - ys[b] || a - b);
  let groups = order.map((n) => ({ members: [n], middle: ys[n] }));
  for (let merged = true; merged; ) {
    merged = false;
    for (let i = 1; i < groups.length; i += 1) {
      const [a, b] = [groups[i - 1], groups[i]];
      const room = ((a.members.length + b.members.length) * gap) / 2;
      if (b.middle - a.middle < room) {
        const members = [...a.members, ...b.members];
        const middle = members.reduce((sum, n) => sum + ys[n], 0) / members.length;
        groups.splice(i - 1, 2, { members, middle });
        merged = true;
        break;
      }
    }
  }
  const moved = [...ys];
  for (const { members, middle } of groups) {
    members.forEach((n, place) => (moved[n] = middle + (place - (members.length - 1) / 2) * gap));
  }
  return moved;
}

// The handle that a click means. With columns it is one of the nearest column.
export function nearest(handles, { x, y }) {
  const column = Math.min(...handles.map((handle) => Math.abs(handle.column - x)));
  const near = handles.filter((handle) => Math.abs(handle.column - x) <= column + 0.5);
  const far = (handle) => Math.hypot(handle.x - x, handle.y - y);
  return near.reduce((best, handle) => (far(handle) < far(best) ? handle : best));
}

// The handle under a finger, if any.
export function under(handles, point) {
  const found = handles.filter((handle) => Math.hypot(handle.x - point.x, handle.y - point.y) <= HIT);
  return found.length ? nearest(found.map((handle) => ({ ...handle, column: handle.x })), point) : null;
}

// How wide a text will be, roughly: Han characters are as wide as they are high.
export function roughWidth(text, size) {
  const han = [...text].filter((character) => character > "\u2e7f").length;
  return (han + ([...text].length - han) * 0.58) * size;
}
