// One run of a comparison picked out: where figures lie over each other, the other runs step back. Pure.
const FAINT = 0.13;

const runOf = (name) => /^(?:end:)?([A-D])\//.exec(name)?.[1];

// What changes in a figure when the run with this letter is picked out; null brings all back.
export function pickedOut({ data, layout }, letter) {
  const opacity = (name = "") => (letter && (runOf(name) ?? letter) !== letter ? FAINT : 1);
  const labels = layout.annotations ?? [];
  return {
    data: data.map((trace) => ({ ...trace, opacity: opacity(trace.id) })),
    layout: { ...layout, annotations: labels.map((label) => ({ ...label, opacity: opacity(label.name) })) },
  };
}
