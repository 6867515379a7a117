// Which slides a page has, and which key moves where. Pure: elements only need a dataset and a parent.
import { isBlank } from "../figures/blank.js";

const ORDER = ["question", "guess", "run", "figure", "cells", "verdict", "why", "code"];

// Sections with data-slide and panels with data-figure → [{id, name, elements}] in the order of a talk.
// Sections of one name make one slide; every figure has its own, the small tables share one.
export function slidesOf(sections) {
  const slides = new Map();
  for (const section of sections) {
    const { name, id } = identify(section.dataset, section.classList);
    if (!name) {
      continue;
    }
    const known = slides.get(id) ?? { id, name, elements: [] };
    known.elements.push(section);
    slides.set(id, known);
  }
  return [...slides.values()].sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name));
}

function identify({ slide, figure }, classes) {
  if (figure) {
    return classes.contains("cells-panel") ? { name: "cells", id: "cells" } : { name: "figure", id: `figure-${figure}` };
  }
  return { name: ORDER.includes(slide) ? slide : "", id: slide };
}

const ALWAYS = { PageDown: 1, PageUp: -1 }; // what a remote clicker sends
const FREE = { ArrowRight: 1, ArrowLeft: -1, " ": 1, Home: -Infinity, End: Infinity };

// Where a key moves: by a number of slides, "leave", "free" from a control that wants the arrows, or null
// where the key belongs to what has the focus.
// `owner` is "text" where one writes, "keys" where arrows mean something, "button" where Space presses.
export function moveFor({ key, ctrlKey, metaKey, altKey, shiftKey }, owner) {
  if (ctrlKey || metaKey || altKey) {
    return null;
  }
  if (key in ALWAYS) {
    return ALWAYS[key];
  }
  if (key === "Escape" && (owner === "text" || owner === "keys")) {
    return "free";
  }
  if (key === "Escape" || (key.toLowerCase() === "p" && owner !== "text")) {
    return "leave";
  }
  const taken = owner === "text" || owner === "keys" || (owner === "button" && key === " ");
  if (taken || !(key in FREE)) {
    return null;
  }
  return key === " " && shiftKey ? -1 : FREE[key];
}

// The slide after a move; the ends hold.
export const moved = (place, move, count) => Math.min(count - 1, Math.max(0, place + move));

// The slide in the address: "#/verdict".
export const hashOf = (slide) => `#/${slide.id}`;

export function placeOf(hash, slides) {
  const found = slides.findIndex((slide) => hashOf(slide) === hash);
  return found < 0 ? 0 : found;
}

// Whether something of the run itself is in a figure: not the guess, not a reference.
export function hasBegun({ data, layout = {} }) {
  return !isBlank({ data: data.filter(({ id }) => !id?.startsWith("guess:")), layout });
}
