// Figures as large as the slide, and text that grows and shrinks until it fits.
import { $, $$ } from "../page.js";

const STEPS = [2.2, 2, 1.85, 1.7, 1.6, 1.5, 1.4, 1.3, 1.25, 1.2, 1.15, 1.1, 1.05, 1, 0.95, 0.9, 0.84, 0.77, 0.7, 0.63, 0.56];
const MOST = 1.5; // a paragraph in larger letters is no easier to read
const LONG = 1; // of what does not fit even at the smallest step: it scrolls, in letters that can be read

// The panel is laid out by CSS; how much room that leaves for the drawing is known afterwards.
export function sizeFigure(section, panel) {
  section.style.setProperty("--fig-room", `${$(".fig", section).clientHeight}px`);
  panel?.redraw();
}

// `least` and `most` are times the size that the style sheet gives.
export function sizeText(main, sections, room, { least = 0.84, most = MOST } = {}) {
  const zoom = (factor) => sections.forEach((section) => (section.style.zoom = factor));
  const fits = STEPS.filter((factor) => factor >= least && factor <= most).some((factor) => {
    zoom(factor);
    return main.getBoundingClientRect().height <= room && document.documentElement.scrollWidth <= innerWidth;
  });
  if (!fits) {
    zoom(LONG);
  }
  main.classList.toggle("slide-long", !fits);
}

export function unsize(main) {
  main.classList.remove("slide-long");
  for (const section of $$("[data-slide], [data-figure]", main)) {
    section.style.removeProperty("zoom");
    section.style.removeProperty("--fig-room");
  }
}
