// What changes in a figure. app/figures/patch.py means the same by every operation:
//   ["ext", trace, {column: [values]}]   append to the lists of a trace
//   ["trace", trace, {...}]              replace a trace, or add it as the last one
//   ["set", "layout.xaxis.type", value]  set a member, creating the objects on the way
//   ["cell", key, value]                 set a member of layout.cells

// Changes the figure in place. Nothing of the patch is shared with it afterwards.
export function apply(figure, patch) {
  for (const [name, ...rest] of patch) {
    OPERATIONS[name](figure, ...rest);
  }
}

const OPERATIONS = { ext: extend, trace: replace, set: setPath, cell: setCell };

function extend(figure, id, columns) {
  const trace = figure.data.find((candidate) => candidate.id === id) ?? add(figure, { id });
  for (const [name, values] of Object.entries(columns)) {
    trace[name] ??= [];
    for (const value of values) {
      trace[name].push(value);
    }
  }
}

function add(figure, trace) {
  figure.data.push(trace);
  return trace;
}

function replace(figure, id, trace) {
  const made = { id, ...structuredClone(trace) };
  const place = figure.data.findIndex((candidate) => candidate.id === id);
  if (place < 0) {
    figure.data.push(made);
  } else {
    figure.data[place] = made;
  }
}

function setPath(figure, path, value) {
  const way = path.split(".");
  const last = way.pop();
  let place = figure;
  for (const step of way) {
    place[step] ??= {};
    place = place[step];
  }
  place[last] = structuredClone(value);
}

function setCell(figure, key, value) {
  figure.layout.cells ??= {};
  figure.layout.cells[key] = value;
}
