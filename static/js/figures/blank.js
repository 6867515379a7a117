// Whether there is nothing to see in a figure yet. Pure.

const SEEN = ["x", "start", "spans", "parts", "count", "nodes"]; // what a trace of some kind is drawn from

// No lane, point, edge or cell. A reference such as the ideal line says nothing of a run; a guess is seen.
export const isBlank = ({ data, layout }) => !data.some(isDrawn) && !Object.keys(layout.cells ?? {}).length;

const isDrawn = (trace) => !trace.id?.startsWith("reference:") && SEEN.some((name) => isFilled(trace[name]));
const isFilled = (value) => (Array.isArray(value) ? value.length > 0 : value !== undefined);
