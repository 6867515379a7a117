// Figures as large as the slide, and text that shrinks until it fits.
import { $ } from "../page.js";

const STEPS = [1, 0.92, 0.84, 0.76, 0.68, 0.6]; // smaller is not legible from the back: the slide scrolls
const LANES = { least: 12, most: 30 }; // pixels of a timeline's letters

// The panel is laid out by CSS; how much room that leaves for the drawing is known afterwards.
export function sizeFigure(section, panel) {
  const room = $(".fig", section).clientHeight;
  section.style.setProperty("--fig-room", `${room}px`);
  const letters = parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.8;
  section.style.setProperty("--tl-fs", letters);
  panel?.redraw();
  if (panel?.spec.kind === "timeline") {
    requestAnimationFrame(() => requestAnimationFrame(() => growLanes(section, panel, letters, room)));
  }
}

// Lanes and letters of a timeline grow together, until it fills the slide.
function growLanes(section, panel, letters, room) {
  const drawn = $(".host", section).scrollHeight;
  if (section.classList.contains("slide-now") && drawn > 0) {
    const fitting = Math.min(LANES.most, Math.max(LANES.least, (letters * room) / drawn));
    section.style.setProperty("--tl-fs", Math.floor(fitting * 2) / 2);
    panel.redraw();
  }
}

export function sizeText(main, below) {
  const room = innerHeight - below;
  for (const factor of STEPS) {
    main.style.zoom = factor;
    if (main.getBoundingClientRect().height <= room && document.documentElement.scrollWidth <= innerWidth) {
      return;
    }
  }
}

export function unsize(main) {
  main.style.zoom = "";
  for (const section of main.querySelectorAll("[data-figure]")) {
    section.style.removeProperty("--fig-room");
    section.style.removeProperty("--tl-fs");
  }
}
