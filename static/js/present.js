// Present mode: the sections of the page as slides, in letters for the back of the room. The page stays
// the page: the form runs, figures grow, and what is covered stays covered.
import { $, $$, element } from "./page.js";
import { pathHere } from "./place.js";
import { t } from "./words.js";
import { hasBegun, hashOf, moved, moveFor, placeOf, slidesOf } from "./present/slides.js";
import { keepForm, restoreForm } from "./present/keep.js";
import { hearSwipes } from "./present/swipe.js";
import { sizeFigure, sizeText, unsize } from "./present/size.js";

// How much a slide's letters may grow and shrink. A form is for who presents, not for the back of the room.
const SIZES = {
  question: { most: 1 },
  guess: { most: 2.2 },
  run: { least: 0.56 },
  cells: { most: 1.2 },
  verdict: { least: 0.7 },
  code: { most: 1 },
};
const TURN = 0.8; // of the window: how far a long slide moves by one key

const root = document.documentElement;
const main = $("#main");
let panels = new Map();
let bar = null;
let current = null;
let waiting = false; // Run was pressed: the first figure that draws is shown

const isPresenting = () => root.classList.contains("presenting");
const slides = () => slidesOf($$("[data-slide], [data-figure]", main).filter(isThere));
const isThere = (section) => !section.closest("[hidden]") && !isEmpty(section);

// A figure that is covered or that nothing was drawn into, and the verdict of a run that nobody began, are no slides.
function isEmpty({ dataset, classList }) {
  if (dataset.figure) {
    return isCovered() || !isReady({ dataset });
  }
  return dataset.slide === "verdict" && classList.contains("pending") && pathHere().startsWith("/experiments/");
}

// Call it once, with the panels of the page.
export function offerPresent(figures) {
  panels = figures;
  $("#present").addEventListener("click", enter);
  document.addEventListener("keydown", hearKey, true);
  document.addEventListener("fullscreenchange", hearFullScreen);
  document.addEventListener("submit", ({ target }) => (waiting = target.id === "form" && isPresenting()));
  addEventListener("resize", () => current && fit());
  document.addEventListener("themechange", () => current && fit());
  new MutationObserver(mend).observe(main, { childList: true, subtree: true });
  new MutationObserver(uncovered).observe(root, { attributeFilter: ["data-covered"] });
  hearSwipes(main, (move) => isPresenting() && step(move), (target) => ownerOf(target) !== "" || target.closest("svg, canvas"));
  addEventListener("pagehide", () => keepForm(isPresenting()));
  if (new URLSearchParams(location.search).has("present")) {
    restoreForm();
    begin();
  }
}

// The address of a run that begins while somebody presents.
export const inThisMode = (url) => (isPresenting() ? `${url}?present${location.hash}` : url);

// Call it when figures have changed, or the run has ended.
export function moveOn(ended = false) {
  recount();
  if (!waiting || !["run", "guess"].includes(current?.name)) {
    return;
  }
  const all = slides();
  const drawn = all.findIndex((slide) => slide.name === (isCovered() ? "guess" : "figure") && slide.elements.some(isReady));
  const verdict = all.findIndex((slide) => slide.name === "verdict");
  const next = drawn >= 0 ? drawn : ended ? verdict : -1;
  if (next >= 0) {
    waiting = false;
    show(next);
  }
}

// A run that nobody has guessed is covered: then the talk goes back to the guess, and on when it is given.
const isCovered = () => root.hasAttribute("data-covered");
const isReady = ({ dataset }) => !dataset.figure || hasBegun(panels.get(dataset.figure)?.spec ?? { data: [] });

function uncovered() {
  if (current?.name === "guess" && !isCovered()) {
    waiting = false;
    const first = slides().findIndex((slide) => slide.name === "figure");
    show(Math.max(0, first));
  }
}

// ---- coming and going

async function enter() {
  begin();
  try {
    await root.requestFullscreen?.();
  } catch {
    // a frame or a phone may forbid it; slides do without
  }
}

function begin() {
  root.classList.add("presenting");
  bar = makeBar();
  document.body.append(bar);
  panels.forEach((panel) => panel.redraw());
  show(placeOf(location.hash, slides()));
}

function leave() {
  root.classList.remove("presenting");
  root.removeAttribute("data-slide-name");
  hide();
  current = null;
  unsize(main);
  bar.remove();
  setAddress("");
  panels.forEach((panel) => panel.redraw());
  if (document.fullscreenElement) {
    document.exitFullscreen();
  }
  $("#present").focus();
}

// Escape in full screen never reaches the page: the end of full screen is what it hears of.
let wasFull = false;

function hearFullScreen() {
  const isFull = document.fullscreenElement === root;
  if (wasFull && !document.fullscreenElement && isPresenting()) {
    leave();
  }
  wasFull = isFull || Boolean(document.fullscreenElement && wasFull);
}

function setAddress(hash) {
  const url = new URL(location.href);
  url.searchParams.delete("present");
  const query = [...(isPresenting() ? ["present"] : []), ...(url.searchParams.size ? [url.searchParams] : [])];
  history.replaceState(history.state, "", `${url.pathname}${query.length ? `?${query.join("&")}` : ""}${hash}`);
}

// ---- slides

function show(place) {
  const all = slides();
  const slide = all[place];
  const isNew = slide.id !== current?.id;
  hide();
  current = slide;
  root.dataset.slideName = slide.name;
  slide.elements.forEach(expose);
  setAddress(hashOf(slide));
  tell(place, all.length, titleOf(slide));
  fit();
  if (isNew) {
    scrollTo(0, 0);
    takeFocus(slide.elements[0]);
  }
}

function expose(section) {
  section.classList.add("slide-now");
  for (let above = section.parentElement; above && above !== main; above = above.parentElement) {
    above.classList.add("slide-path");
  }
}

function hide() {
  $$(".slide-now, .slide-path", main).forEach((one) => one.classList.remove("slide-now", "slide-path"));
}

// The server's parts are swapped when a run changes: the slide that was shown is then another element.
function mend() {
  if (current && !current.elements.every((section) => section.isConnected && isThere(section))) {
    show(placeOf(hashOf(current), slides()));
  }
}

function fit() {
  const [section] = current.elements;
  unsize(main);
  if (current.name === "figure") {
    sizeFigure(section, panels.get(section.dataset.figure));
  } else {
    sizeText(main, current.elements, innerHeight, SIZES[current.name]); // below, main leaves the bar's room
  }
}

const titleOf = ({ elements }) => elements.map(headingOf).find(Boolean) ?? "";

// Without the number of a step, which is an element of its own.
function headingOf(section) {
  const heading = $("h1, h2", section);
  return heading ? [...heading.childNodes].filter((node) => node.className !== "n").map((node) => node.textContent).join("").trim() : "";
}

// Figures become slides when something is drawn into them.
function recount() {
  const all = current ? slides() : [];
  const place = all.findIndex((slide) => slide.id === current.id);
  if (place >= 0) {
    tell(place, all.length, titleOf(all[place]));
  }
}

function takeFocus(section) {
  if (!bar.contains(document.activeElement)) {
    section.tabIndex = section.tabIndex < 0 ? -1 : section.tabIndex;
    section.focus({ preventScroll: true });
  }
}

// A slide longer than the window is read to its end first: a remote clicker has no key that scrolls.
function scrollsOn(move) {
  const left = move > 0 ? root.scrollHeight - innerHeight - scrollY : scrollY;
  if (Math.abs(move) !== 1 || left < 4) {
    return false;
  }
  scrollBy({ top: move * Math.min(left, innerHeight * TURN), behavior: "instant" });
  return true;
}

function step(move) {
  if (scrollsOn(move)) {
    return;
  }
  const all = slides();
  show(moved(placeOf(hashOf(current), all), move, all.length));
}

// ---- keys

function hearKey(event) {
  if (!isPresenting()) {
    hearEnter(event);
    return;
  }
  const move = moveFor(event, ownerOf(event.target));
  if (move === null) {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  if (move === "leave") {
    leave();
  } else if (move === "free") {
    takeFocus(current.elements[0]);
  } else {
    step(move);
  }
}

function hearEnter(event) {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
  const allowed = $("#shortcut")?.checked ?? true;
  if (event.key.toLowerCase() === "p" && plain && allowed && ownerOf(event.target) !== "text") {
    event.preventDefault();
    enter();
  }
}

function ownerOf(target) {
  const within = (selector) => target.closest?.(selector);
  if (within("input[type=text], input[type=search], input[type=number], input:not([type]), textarea, select, [contenteditable]")) {
    return "text";
  }
  if (within("input[type=range], input[type=radio], [role=slider], [role=radio], .tl-canvas")) {
    return "keys";
  }
  return within("button, summary, a[href], input") ? "button" : "";
}

// ---- the bar below

function makeBar() {
  const made = element("nav", { class: "slide-bar", "aria-label": t("Slides") });
  const progress = element("i", { class: "slide-progress", "aria-hidden": "true" });
  const place = element("span", { class: "slide-place", "aria-hidden": "true" });
  const told = element("span", { class: "vh slide-told", role: "status" });
  made.append(
    progress,
    told,
    barButton("‹", t("Previous slide"), () => step(-1)),
    place,
    barButton("›", t("Next slide"), () => step(1)),
    barButton("×", t("Leave the presentation"), leave),
  );
  return made;
}

function barButton(sign, label, act) {
  const made = element("button", { type: "button", "aria-label": label, title: label }, sign);
  made.addEventListener("click", act);
  return made;
}

function tell(place, count, title) {
  $(".slide-place", bar).textContent = `${place + 1} / ${count}`;
  $(".slide-progress", bar).style.setProperty("--p", (place + 1) / count);
  const told = $(".slide-told", bar);
  const words = t("Slide {n} of {count}: {title}", { n: place + 1, count, title });
  if (told.textContent !== words) {
    told.textContent = words;
  }
}
