// Any figure into any host: mount(host, spec) → {figure, update(patch), redraw(), destroy(), …}.
// Kinds that can be zoomed also have zoom, pan and reset; most have toSVG and toPNG. The spec given
// to `mount` belongs to the drawing from then on: `update` changes it.
import { Cells } from "./cells.js";
import { Drawing } from "./drawing.js";
import { EXPLAINED, EXPORT_WIDTH, layoutFlow } from "./flow.js";
import { apply } from "./patch.js";
import { layoutPicture } from "./picture.js";
import { Plot } from "./plot.js";
import { layoutShares } from "./shares.js";
import { StateDiagram } from "./states.js";
import { Timeline } from "./timeline.js";

const MOMENT = "figures:moment"; // a timeline's crosshair, heard by the state diagrams of the page

export function mount(host, spec) {
  host.classList.add("figure-host");
  return KINDS[spec.kind](host, spec);
}

const KINDS = {
  plotly: (host, spec) => handle(spec, new Plot(host, spec), ["toSVG", "toPNG"]),
  timeline: mountTimeline,
  states: mountStates,
  shares: (host, spec) =>
    handle(spec, new Drawing(host, spec, layoutShares, { shown: partsOf }), ["toSVG", "toPNG"]),
  flow: (host, spec) => handle(spec, new Drawing(host, spec, layoutFlow, TOLD), ["toSVG", "toPNG"]),
  space: (host, spec) => handle(spec, new Drawing(host, spec, layoutPicture), ["toSVG", "toPNG"]),
  graph: (host, spec) => handle(spec, new Drawing(host, spec, layoutPicture), ["toSVG", "toPNG"]),
  cells: (host, spec) => handle(spec, new Cells(host, spec), []),
};
const partsOf = ({ data }) =>
  data.flatMap(({ parts }) => parts.filter(([, seconds]) => seconds).map(([state]) => state));
const spansOf = ({ data }) => data.flatMap(({ spans }) => spans.map((span) => span[3]));
const TOLD = { exportWidth: EXPORT_WIDTH, explained: EXPLAINED, shown: spansOf };

function handle(figure, drawing, abilities) {
  const offered = abilities.map((name) => [name, (...given) => drawing[name](...given)]);
  return {
    figure,
    update(patch) {
      apply(figure, patch);
      drawing.update();
    },
    redraw: () => drawing.update(),
    destroy: () => drawing.destroy(),
    ...Object.fromEntries(offered),
  };
}

function mountTimeline(host, spec) {
  const timeline = new Timeline(host, spec);
  timeline.onmoment = (t) => announce(t === null ? null : timeline.statesAt(t));
  const made = handle(spec, timeline, ["toSVG", "toPNG", "zoom", "pan", "reset", "look", "statesAt"]);
  return { ...made, onview: (listener) => (timeline.onview = listener) };
}

const announce = (states) => document.dispatchEvent(new CustomEvent(MOMENT, { detail: states }));

function mountStates(host, spec) {
  const diagram = new StateDiagram(host, spec);
  const hear = (event) => diagram.at(event.detail ?? {});
  document.addEventListener(MOMENT, hear);
  const made = handle(spec, diagram, ["toSVG", "toPNG", "at"]);
  return {
    ...made,
    destroy() {
      document.removeEventListener(MOMENT, hear);
      made.destroy();
    },
  };
}
