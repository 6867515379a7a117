// The figures of a report that stands alone, live: each takes the place of its drawing.
import { $, element } from "./page.js";
import { Panel } from "./panel.js";

export function show(figures, name) {
  const panels = figures.map((spec) => place(spec, name)).filter(Boolean);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", () => panels.forEach((panel) => panel.redraw()));
}

// The figure keeps its caption and its table; the drawing makes way for a panel with tools.
function place(spec, name) {
  const figure = document.getElementById(spec.id);
  const drawn = figure && $(".drawn", figure);
  if (!drawn) {
    return null;
  }
  const section = frame();
  drawn.replaceWith(section);
  try {
    return new Panel(section, spec, () => name);
  } catch (error) {
    section.replaceWith(drawn);
    throw error;
  }
}

function frame() {
  return element(
    "div",
    { class: "live" },
    element("div", { class: "live-bar" }, element("h2", { hidden: "" }), element("span", { class: "view" }), element("span", { class: "tools-row" })),
    element("div", { class: "host" }),
    element("div", { class: "as-table" }),
    element("p", { class: "keys" }),
    element("p", { class: "summary vh" }),
  );
}
