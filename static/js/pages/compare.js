// Runs side by side: their figures, and timelines that show the same stretch of time together.
import { $, $$, connect, embedded, setQuiet } from "../page.js";
import { datesToWords } from "../dates.js";
import { pickedOut } from "../figures/pickout.js";
import { panels } from "../panel.js";

// Whatever one of them shows, the others show too.
function link(linked) {
  for (const panel of linked) {
    const others = linked.filter((other) => other !== panel);
    panel.onview = (from, to) => others.forEach((other) => other.look(from, to));
  }
}

// A chip picks its run out of the figures that lie over each other; pressed again it lets go.
function pickOut(drawn, button) {
  const on = button.getAttribute("aria-pressed") === "false";
  $$(".pickout").forEach((other) => other.setAttribute("aria-pressed", on && other === button));
  for (const panel of drawn.values()) {
    if (panel.spec.kind === "plotly") {
      Object.assign(panel.spec, pickedOut(panel.spec, on ? button.closest("li").dataset.run : null));
      panel.redraw();
    }
  }
}

if ($("#state")) {
  const { figures, linked, name } = embedded();
  const drawn = panels(figures, () => name);
  linked.forEach((ids) => link(ids.map((id) => drawn.get(id)).filter(Boolean)));
  for (const button of $$(".pickout")) {
    button.disabled = false;
    button.addEventListener("click", () => pickOut(drawn, button));
  }
  document.addEventListener("themechange", () => drawn.forEach((panel) => panel.redraw()));
}

datesToWords();
const live = connect();
live.follow("queue", { last: (queue) => setQuiet(queue.running.length > 0) });
