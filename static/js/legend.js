// Which states a figure shows, for its legend. Pure.

const IN_TRACE = {
  timeline: (trace) => trace.state,
  shares: (trace) => trace.parts.filter(([, seconds]) => seconds > 0).map(([state]) => state),
  flow: (trace) => trace.spans.map((span) => span[3]),
};

// In the order of the layout; the circles of a state diagram carry their names themselves.
export function statesIn(spec) {
  const read = IN_TRACE[spec.kind];
  if (!read) {
    return [];
  }
  const seen = new Set(spec.data.flatMap((trace) => [...new Set(read(trace))]));
  return (spec.layout.states ?? []).filter((state) => seen.has(state.id));
}
