// A structure that the server has laid out as shapes, at a few widths. Pure.

// The widest that there is room for.
export function layoutPicture({ layout }, width) {
  const widths = Object.keys(layout.pictures)
    .map(Number)
    .sort((a, b) => a - b);
  const fitting = widths.findLast((wide) => wide <= width) ?? widths[0];
  return layout.pictures[fitting] ?? { width, height: 0, shapes: [] };
}
