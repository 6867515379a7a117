// Runs side by side: their figures, and timelines that show the same stretch of time together.
import { $, connect, embedded, setQuiet } from "../page.js";
import { datesToWords } from "../dates.js";
import { panels } from "../panel.js";

// Whatever one of them shows, the others show too.
function link(linked) {
  for (const panel of linked) {
    const others = linked.filter((other) => other !== panel);
    panel.onview = (from, to) => others.forEach((other) => other.look(from, to));
  }
}

if ($("#state")) {
  const { figures, linked, name } = embedded();
  const drawn = panels(figures, () => name);
  linked.forEach((ids) => link(ids.map((id) => drawn.get(id)).filter(Boolean)));
  document.addEventListener("themechange", () => drawn.forEach((panel) => panel.redraw()));
}

datesToWords();
const live = connect();
live.follow("queue", { last: (queue) => setQuiet(queue.running.length > 0) });
