// The history: dates in words, filters that act at once, and a list that follows what happens.
import { $, $$, connect, fetchPage, setQuiet } from "../page.js";
import { datesToWords } from "../dates.js";
import { ticks } from "../ticks.js";

const NEWS_EVERY_MS = 1000;

let timer = null;

// The button stays in sight, the ticks do not.
function tellTicks() {
  if ($("#compare")) {
    const { ok, says } = ticks($$("#list .pick :checked").map((box) => box.closest("tr").dataset.experiment));
    $("#compare button").disabled = !ok;
    if ($("#ticked").textContent !== says) {
      $("#ticked").textContent = says;
    }
  }
}

// While a disclosure is open somebody is about to delete: the list must not move under the hand.
function refreshSoon() {
  timer ??= setTimeout(refresh, NEWS_EVERY_MS);
}

async function refresh() {
  timer = null;
  if ($("#list details[open]")) {
    refreshSoon();
    return;
  }
  const page = await fetchPage(location.href).catch(() => null);
  if (page) {
    const ticked = $$("#list :checked").map((box) => box.value);
    $("#list").replaceWith(document.adoptNode($("#list", page)));
    $$("#list [type=checkbox]").forEach((box) => (box.checked = ticked.includes(box.value)));
    tellTicks();
    datesToWords();
  }
}

$$(".filter select").forEach((select) => select.addEventListener("change", () => select.form.requestSubmit()));
document.addEventListener("change", (event) => event.target.closest("#list .pick") && tellTicks());
addEventListener("pageshow", () => setTimeout(tellTicks)); // Back brings the ticks back
tellTicks();
datesToWords();
setInterval(datesToWords, 60_000);

const live = connect();
let states = new Map();

// Only news that change the list: a run that came, began, ended or went.
function news(ops) {
  const changed = ops.filter((op) => op.o === "gone" || states.get(op.v.id) !== op.v.state);
  changed.filter((op) => op.o === "run").forEach((op) => states.set(op.v.id, op.v.state));
  if (changed.length) {
    refreshSoon();
  }
}

live.follow("runs", {
  snap: (value) => {
    states = new Map(value.runs.map((run) => [run.id, run.state]));
    const shown = $$("[data-run]").map((row) => row.dataset.run);
    if (value.runs.length && !shown.includes(value.runs[0].id) && location.search === "") {
      refreshSoon();
    }
  },
  ops: news,
});
live.follow("queue", { last: (queue) => setQuiet(queue.running.length > 0) });
