// The bench: this machine on a live scope, and what was measured here lately.
import { $, $$, ask, connect, embedded, fetchPage, isQuiet, setQuiet, showError } from "../page.js";
import { AutoScale, valuesOf } from "../channels.js";
import { perSecond } from "../format.js";
import { percent } from "../figures/units.js";
import { to } from "../place.js";
import { count, t } from "../words.js";
import { datesToWords } from "../dates.js";
import { Scope } from "../figures/scope.js";

const READOUT_EVERY_MS = 250;
const NEWS_EVERY_MS = 1000;
const DIVISIONS = 10;
const SHOWN = { cores: percent, runnable: String, switches: perSecond };
const shown = (kind, value) => (value === null ? "–" : SHOWN[kind](value));
const SCALES = { runnable: new AutoScale(5), switches: new AutoScale(2000) };

const traces = embedded().channels.map((channel) => ({ ...channel, max: 1, step: channel.kind === "runnable" }));
const scope = new Scope($("#traces"), traces, { seconds: 2 * DIVISIONS, hz: 10 });
const hold = $("#hold");
const readouts = $$("[data-channel]");

// ---- the scope

let read = -READOUT_EVERY_MS;

const isHeld = () => hold.getAttribute("aria-pressed") === "true";

function takeSample(sample) {
  const values = valuesOf(sample, traces);
  traces.forEach((trace, n) => {
    trace.max = SCALES[trace.kind]?.take(values[n]) ?? 1;
  });
  scope.push(values, sample.t);
  if (performance.now() - read >= READOUT_EVERY_MS && !isHeld()) {
    read = performance.now();
    showReadouts(values, sample);
  }
  showVeil();
}

function showReadouts(values, sample) {
  readouts.forEach((place, n) => {
    place.textContent = shown(traces[n].kind, values[n]);
  });
  for (const trace of traces.filter(({ kind }) => SCALES[kind])) {
    $(`[data-scale="${trace.kind}"]`).textContent = t("{low} to {high}", { low: 0, high: SHOWN[trace.kind](trace.max) });
  }
  $("[data-own]").textContent = shown("cores", sample.own);
}

// Nothing is drawn while a run is measured or the picture is held; the samples are kept.
function showVeil() {
  $("#veil").hidden = !isQuiet();
  $("#veil").textContent = t("quiet bench: a run is being measured");
  for (const button of stirs) {
    button.disabled = isQuiet();
  }
  if (scope.paused !== (isQuiet() || isHeld())) {
    scope.paused ? scope.resume() : scope.pause();
  }
}

hold.addEventListener("click", () => {
  hold.setAttribute("aria-pressed", !isHeld());
  showVeil();
});

$$("[name=base]").forEach((radio) =>
  radio.addEventListener("change", () => {
    scope.setSeconds(Number(radio.value) * DIVISIONS);
    $("[data-base]").textContent = `${radio.value}\u00a0s`;
  }),
);

// ---- stirring the machine: everybody at the bench sees who stirs it, and how

const stirs = $$("[data-stir]");

stirs.forEach((button) =>
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") === "true";
    showError("");
    ask(on ? "DELETE" : "POST", to(on ? "/api/stir" : `/api/stir/${button.dataset.stir}`)).catch((error) =>
      showError(error.message),
    );
  }),
);

function showStir({ kind, left_s: left }) {
  for (const button of stirs) {
    const on = button.dataset.stir === kind;
    button.setAttribute("aria-pressed", on);
    button.style.setProperty("--left", `${left}s`);
    if (on) {
      showQuestion(button.dataset);
    }
  }
}

function showQuestion({ asks, at }) {
  const [hint, link] = $("#asks").children;
  hint.hidden = true;
  Object.assign(link, { hidden: false, href: at, textContent: asks });
}

// ---- finding a question

const find = $("#find");

function filter() {
  const wanted = find.value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const entry of $$("[data-words]")) {
    entry.hidden = !wanted.every((word) => entry.dataset.words.includes(word));
    shown += entry.hidden ? 0 : 1;
  }
  for (const chapter of $$(".chapter")) {
    chapter.hidden = !$("[data-words]:not([hidden])", chapter);
  }
  $("#nothing").hidden = shown > 0;
  $("#found").textContent = wanted.length ? count(shown, "{n} question", "{n} questions") : "";
}

find.addEventListener("input", filter);
$(".catalogue form").addEventListener("submit", (event) => event.preventDefault());
filter();

// ---- what was measured lately: rendered by the server, swapped in here

let timer = null;

function refreshSoon() {
  timer ??= setTimeout(refresh, NEWS_EVERY_MS);
}

async function refresh() {
  timer = null;
  const page = await fetchPage(to("/")).catch(() => null);
  if (!page) {
    return;
  }
  for (const id of ["#latest", "#route"]) {
    $(id).contains(document.activeElement) || $(id).replaceWith(document.adoptNode($(id, page)));
  }
  for (const place of $$("[data-here], [data-thumb]")) {
    const { here, thumb } = place.dataset;
    const fresh = $(here ? `[data-here="${here}"]` : `[data-thumb="${thumb}"]`, page);
    if (fresh && !fresh.isEqualNode(place)) {
      place.replaceWith(document.adoptNode(fresh));
    }
  }
  datesToWords();
}

const states = new Map();

function news(ops) {
  for (const op of ops) {
    if (op.o === "gone" || states.get(op.v.id) !== op.v.state) {
      refreshSoon();
    }
    if (op.o === "run") {
      states.set(op.v.id, op.v.state);
    }
  }
}

datesToWords();
setInterval(() => isQuiet() || datesToWords(), 60_000);

const live = connect();
live.follow("machine", { last: takeSample });
live.follow("stir", { last: showStir });
live.follow("queue", {
  last: (queue) => {
    setQuiet(queue.running.length > 0);
    $("[data-rate]").textContent = isQuiet() ? t("sampled 1 Hz") : t("sampled 10 Hz");
    showVeil();
  },
});
live.follow("runs", { snap: (value) => value.runs.forEach((run) => states.set(run.id, run.state)), ops: news });
