// An experiment's page: the form, the run that it started or shows, its figures while they grow.
import { $, $$, ask, connect, embedded, fetchPage, setQuiet, showError } from "../page.js";
import { commandLine, fromSlider, ofPreset, defaults, presetOf, runIn, toSlider } from "../form.js";
import { rough } from "../format.js";
import { percent } from "../figures/units.js";
import { panels } from "../panel.js";
import { datesToWords } from "../dates.js";
import { isBeingEdited, wireKeeping } from "../keep.js";
import { inThisMode, moveOn, offerPresent } from "../present.js";
import { guessing } from "../guess/index.js";
import { offerTake } from "../take.js";
import { pathHere, to } from "../place.js";
import { capital, count, t } from "../words.js";

const TEXT_EVERY_MS = 1000;
const ended = (run) => ["done", "failed", "stopped"].includes(run.state);

const page = embedded();
const { experiment } = page;
const form = $("#form");
let run = page.run;
let queue = { running: [], waiting: [], slots: 1 };

// ---- the form

const fieldOf = (name) => experiment.params.find((field) => field.name === name);
const inputs = (name) => $$(`[name="${CSS.escape(name)}"]`, form);

function read(field) {
  const [first, ...others] = inputs(field.name);
  if (field.type === "bool") {
    return first.checked;
  }
  if (field.choices.length) {
    return others.length ? [first, ...others].find((radio) => radio.checked)?.value : first.value;
  }
  return first.value === "" ? "" : first.valueAsNumber;
}

function write(field, value) {
  const [first, ...others] = inputs(field.name);
  if (field.type === "bool") {
    first.checked = value;
  } else if (others.length) {
    [first, ...others].forEach((radio) => (radio.checked = radio.value === value));
  } else {
    first.value = value;
  }
}

const values = () => Object.fromEntries(experiment.params.map((field) => [field.name, read(field)]));

function fill(wanted) {
  experiment.params.forEach((field) => write(field, wanted[field.name]));
  refreshForm();
}

function interpreter() {
  const select = $("#python");
  return select.selectedIndex > 0 ? select.value : "";
}

function refreshForm() {
  const now = values();
  const preset = presetOf(experiment, now);
  form.elements.preset.value = preset ?? "";
  for (const link of $$("#presets a")) {
    link.toggleAttribute("aria-current", false);
    if (link.dataset.preset === preset) {
      link.setAttribute("aria-current", "true");
    }
  }
  for (const slider of $$("[data-range]", form)) {
    const field = fieldOf(slider.dataset.range);
    if (document.activeElement !== slider) {
      slider.value = toSlider(field, now[field.name] ?? field.low);
    }
    const unit = $(".unit", slider.parentElement).textContent;
    slider.setAttribute("aria-valuetext", `${now[field.name] ?? ""} ${unit}`.trim());
  }
  $("#command").textContent = commandLine(experiment, now, interpreter());
  guess.formChanged(now);
}

function wireForm() {
  $("#presets")?.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link) {
      event.preventDefault();
      fill(link.dataset.preset ? ofPreset(experiment, link.dataset.preset) : defaults(experiment));
    }
  });
  form.addEventListener("input", (event) => {
    const { range } = event.target.dataset;
    if (range) {
      write(fieldOf(range), fromSlider(fieldOf(range), event.target.valueAsNumber));
    }
    complain("");
    refreshForm();
  });
  $$("[data-range]", form).forEach((slider) => slider.addEventListener("blur", refreshForm));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  refreshForm();
}

// What a parameter is called on this page, in the words of its form.
const labelOf = (field) => $(`[for="p-${field.name}"], #p-${field.name}-label`, form).textContent.toLowerCase();

// The server's sentence begins with the parameter it is about, by its own name or in the page's words.
function complain(text) {
  const named = text.split(/[:：]/)[0];
  const about = experiment.params.find((field) => [field.name, labelOf(field)].includes(named.toLowerCase()))?.name;
  const place = about && inputs(about)[0].closest(".form > div"); // beside the field: Run may be out of sight
  place ? place.prepend($("#error")) : $(".controls").prepend($("#error"));
  showError(about ? text : capital(text));
  for (const field of experiment.params) {
    const [input] = inputs(field.name);
    input.toggleAttribute("aria-invalid", false);
    if (field.name === about) {
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  }
}

// ---- starting and stopping

let asking = false;

async function start() {
  if (page.watching || asking || (run && !ended(run))) {
    return; // keys come here, too, and they know nothing of the button
  }
  asking = true;
  showButtons();
  complain("");
  const { pathname } = location;
  try {
    const order = { experiment: experiment.name, params: values(), python: $("#python").value };
    const preset = form.elements.preset.value;
    const guessed = await guess.given();
    const more = { ...(preset && { preset }), ...(guessed && { guess: guessed }) };
    const answer = await ask("POST", to("/api/runs"), { ...order, ...more });
    const begun = await answer.json();
    if (location.pathname === pathname) { // else Back was pressed meanwhile: the run goes on without this page
      adopt(begun, guessed);
    }
  } catch (error) {
    complain(error.message);
  } finally {
    asking = false;
    showButtons();
  }
}

function adopt({ id, state }, guessed) {
  const url = to(`/runs/${id}`);
  if (page.topic) {
    live.leave(page.topic);
  }
  run = { id, state, experiment: experiment.name, progress: 0, progress_text: "" };
  page.topic = page.language === "en" ? `run:${id}` : `run:${id}:${page.language}`;
  history.pushState({ run: id }, "", inThisMode(url));
  $("#stop-form").action = `${url}/stop`;
  heardProgress = 0;
  guess.started(id, guessed);
  follow();
  showRun();
  swapParts();
}

async function stop(event) {
  event.preventDefault();
  $("#stop").disabled = true;
  try {
    await ask("POST", to(`/api/runs/${run.id}/stop`));
  } catch (error) {
    complain(error.message);
  }
}

const BUSY = { queued: t("Waiting"), running: t("Running") };

function showButtons() {
  const busy = Boolean(run && !ended(run));
  const button = $("#run");
  button.disabled = page.watching || asking || busy;
  $("span", button).textContent = busy ? BUSY[run.state] : run ? t("Run again") : t("Run");
  $("#run-key").hidden = button.disabled || !$("#shortcut").checked;
  $("#stop").disabled = page.watching || !busy;
  $("#to-verdict").hidden = !run || busy;
}

// ---- the run as it goes on

let figures;
let ops = [];
let shown = 0;
let textTimer = null;
let heardProgress = 0;

function follow(place) {
  ops = []; // those of the run before
  live.follow(page.topic, { snap: takeSnapshot, ops: takeOps, err: lostRun }, place);
}

function takeSnapshot(value) {
  ops = [];
  takeRun(value.run);
  value.figures.forEach((spec) => figures.get(spec.id)?.show(spec));
  moveOn(ended(run));
}

// Applied once a frame, however many arrive. A hidden tab gets no frames and draws nothing.
function takeOps(list) {
  if (!ops.length) {
    requestAnimationFrame(applyOps);
  }
  ops.push(...list);
}

function applyOps() {
  const patches = new Map();
  for (const op of ops) {
    if (op.o === "fig") {
      patches.set(op.id, (patches.get(op.id) ?? []).concat(op.patch));
    } else if (op.o === "run") {
      takeRun(op.v);
    } else if (op.o === "quiet") {
      setQuiet(op.on);
    }
  }
  ops = [];
  patches.forEach((patch, id) => figures.get(id)?.update(patch));
  moveOn(Boolean(run) && ended(run));
}

function takeRun(changes) {
  const before = run.state;
  run = { ...run, ...changes };
  if (run.state !== before) {
    showRun();
    announce();
    if (ended(run)) {
      guess.ended(run);
      setQuiet(false);
      swapParts();
    }
  } else {
    showTextSoon();
  }
}

function lostRun() {
  complain(t("This run is not on the server any more."));
}

function showRun() {
  showButtons();
  const blank = run && ended(run) ? t("Nothing was measured for this.") : t("Your result appears here.");
  $$(".fig-blank").forEach((place) => (place.textContent = blank));
  setQuiet(run?.state === "running" || queue.running.length > 0);
  showText();
}

// While something is measured the page says how far it is at most once a second.
function showTextSoon() {
  const wait = shown + TEXT_EVERY_MS - performance.now();
  if (wait <= 0) {
    showText();
  } else {
    textTimer ??= setTimeout(showText, wait);
  }
}

function showText() {
  clearTimeout(textTimer);
  textTimer = null;
  shown = performance.now();
  const share = run?.progress ?? 0;
  const meter = $("#meter");
  meter.style.setProperty("--p", share.toFixed(3));
  meter.setAttribute("aria-valuenow", Math.round(share * 100));
  $("#percent").textContent = run?.state === "running" && share > 0 ? percent(Math.round(share * 100) / 100) : "";
  const text = status();
  if (text) {
    $("#status").textContent = text;
  }
  announceProgress(share);
}

function status() {
  if (!run) {
    return waitingText(queue.running.length + queue.waiting.length, queue.running.length ? expected() : 0);
  }
  if (run.state === "running") {
    return run.progress_text || t("Measuring.");
  }
  if (run.state === "queued") {
    const place = queue.waiting.findIndex((waiting) => waiting.id === run.id);
    const before = Math.max(0, place + 1 - (queue.slots - queue.running.length));
    return waitingText(before, queue.waiting[place]?.wait_s) || t("Next on the bench.");
  }
  return ""; // an ended run: the server's own sentence comes with the parts
}

const expected = () => queue.waiting.at(-1)?.wait_s ?? 0;

function waitingText(before, seconds) {
  if (!before) {
    return "";
  }
  const wait = seconds && rough(seconds);
  if (run) {
    return wait
      ? count(before, "Waiting, {n} run before it, about {wait}.", "Waiting, {n} runs before it, about {wait}.", { wait })
      : count(before, "Waiting, {n} run before it.", "Waiting, {n} runs before it.");
  }
  return wait
    ? count(
        before,
        "The bench is busy: {n} run before yours, about {wait}.",
        "The bench is busy: {n} runs before yours, about {wait}.",
        { wait },
      )
    : count(before, "The bench is busy: {n} run before yours.", "The bench is busy: {n} runs before yours.");
}

// ---- for those who listen

const SPOKEN = { queued: t("The run waits."), running: t("The run has begun.") };

function announce() {
  $("#announce").textContent = SPOKEN[run.state] ?? "";
}

function announceProgress(share) {
  const quarter = Math.floor(share * 4);
  if (run?.state === "running" && quarter > heardProgress && quarter < 4) {
    heardProgress = quarter;
    $("#announce").textContent = t("{n} percent.", { n: quarter * 25 });
  }
}

// ---- what the end of a run changes: rendered by the server, swapped in here

async function swapParts() {
  const { id } = run;
  try {
    const parts = await fetchPage(to(`/runs/${id}/parts`));
    if (run?.id === id) {
      $$("[data-part]", parts).forEach(swapPart);
      offerTake(figures);
      announceEnd();
    }
  } catch (error) {
    complain(error.message);
  }
  datesToWords();
}

function swapPart(part) {
  if (part.dataset.part === "status") {
    $("#status").textContent = part.textContent.trim();
    return;
  }
  const place = $(`main [data-part="${part.dataset.part}"]`);
  if (!isBeingEdited(place, run?.id)) {
    place.replaceWith(document.adoptNode(part));
  }
}

function announceEnd() {
  if (ended(run)) {
    const said = guess.isCovered ? t("Covered until you have guessed.") : $("[data-part=verdict] .say").textContent;
    $("#announce").textContent = `${$("#status").textContent} ${said}`;
  }
}

// ---- keys and copying

const isTyping = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;

function wireShortcut() {
  const box = $("#shortcut");
  try {
    box.checked = localStorage.getItem("key-r") !== "off";
  } catch {
    // storage can be forbidden
  }
  box.addEventListener("change", () => {
    try {
      localStorage.setItem("key-r", box.checked ? "on" : "off");
    } catch {
      // as above
    }
    showButtons();
  });
  document.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    const free = !isTyping(event.target) || event.target.type === "range";
    if (event.key.toLowerCase() === "r" && plain && free && box.checked) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

async function copy() {
  const code = $("#command");
  try {
    await navigator.clipboard.writeText(code.textContent);
    $("#copied").textContent = t("Copied.");
  } catch {
    getSelection().selectAllChildren(code); // no clipboard outside a secure context
    $("#copied").textContent = t("Selected; copy it with your keyboard.");
  }
}

// ---- the guess

// A covered run may be looked at: its figures may have got the guess meanwhile.
async function showGuessed() {
  if (run) {
    live.leave(page.topic);
    follow();
    await swapParts();
    $("#figures [data-figure] h2")?.focus();
  }
}

const guess = guessing(experiment.name, values(), showGuessed);

// ---- the address and the page

// Back and Forward change the address alone where a run was started here. The page follows without being
// loaded: the next press would overtake a load, and leave one run's page under another's address.
async function agree() {
  const { href } = location;
  if (runIn(pathHere()) === (run?.id ?? null)) {
    return;
  }
  try {
    const fresh = await fetchPage(href);
    if (location.href === href) {
      become(fresh, embedded(fresh));
    }
  } catch {
    location.replace(location.href); // a run that was deleted meanwhile: the server has the sentence for it
  }
}

// The page as the server shows it at this address: its run or none, and its parameters.
function become(fresh, told) {
  if (page.topic) {
    live.leave(page.topic);
  }
  Object.assign(page, { topic: told.topic, epoch: told.epoch, seq: told.seq });
  run = told.run;
  heardProgress = 0;
  $("#stop-form").action = run ? to(`/runs/${run.id}/stop`) : "";
  complain("");
  const kept = new FormData($("#form", fresh));
  $("#python").value = kept.get("python");
  fill(Object.fromEntries(experiment.params.map((field) => [field.name, sent(field, kept)])));
  told.figures.forEach((spec) => figures.get(spec.id)?.show(spec));
  $$("[data-part]", fresh).forEach(swapPart);
  guess.become(fresh, values());
  guess.shows(run);
  showRun();
  $("#status").textContent = $("#status", fresh).textContent.trim();
  if (page.topic) {
    follow({ epoch: page.epoch, since: page.seq });
  }
  offerTake(figures);
  datesToWords();
}

// A parameter in a form as it would be sent.
function sent(field, kept) {
  return field.type === "bool" ? kept.has(field.name) : kept.get(field.name);
}

// ---- the page begins

wireForm();
wireShortcut();
datesToWords();
$("#copy").addEventListener("click", copy);
$("#stop-form").addEventListener("submit", stop);
wireKeeping((text) => ($("#announce").textContent = text));
addEventListener("popstate", agree);
addEventListener("pageshow", agree);

figures = panels(page.figures, () => (run ? `${experiment.name}-${run.id}` : experiment.name));
offerTake(figures);
offerPresent(figures);
document.addEventListener("themechange", () => figures.forEach((panel) => panel.redraw()));

const live = connect();
guess.shows(run);
showRun();
if (page.topic) {
  follow({ epoch: page.epoch, since: page.seq });
}
live.follow("queue", {
  last: (value) => {
    queue = value;
    setQuiet(run?.state === "running" || queue.running.length > 0);
    if (!run || run.state === "queued") {
      showTextSoon();
    }
  },
});
