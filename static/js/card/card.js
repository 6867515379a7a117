// The card of a run as a picture: compose(facts, panels) → canvas, at once or twice its size of 1200 × 675.
import { count, language, t } from "../words.js";
import { tokensOf } from "../figures/roles.js";
import { measurer, paint } from "./draw.js";
import { layoutCard } from "./layout.js";
import { chosen, pictureIn } from "./pictures.js";

const words = () => ({
  between: language.startsWith("zh") ? "" : " ",
  guess: t("Guess"),
  you: t("you"),
  measured: t("measured"),
  nothing: t("Nothing was measured."),
  scan: t("See this run:"),
  run: (id) => t("run {id}", { id }),
  more: (n) => t("and {n} more", { n }),
  moreDoubts: (n) => count(n, "And {n} more doubt.", "And {n} more doubts."),
});

export async function compose(facts, panels, { canvas = document.createElement("canvas"), scale = 1 } = {}) {
  const token = tokensOf(document.documentElement);
  const found = chosen(facts.figures, panels);
  const titles = found.map((panel) => panel.spec.title);
  const { marks, slots } = layoutCard(facts, titles, words(), measurer(token));
  const pictures = await Promise.all(found.map((panel, n) => pictureIn(panel, slots[n])));
  return paint(canvas, marks, pictures, { scale, token });
}

// Not by toBlob: Chromium waits for an idle moment, up to a second, before it encodes.
export function asPng(canvas) {
  const encoded = canvas.toDataURL("image/png").split(",")[1];
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}
