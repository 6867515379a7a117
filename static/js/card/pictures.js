// The figures of a card as images that fit its boxes, from the drawings that the page has mounted.
import { fullestIn, scaleIn, widthFor } from "../figures/room.js";

const NARROWEST = 340; // a drawing is never asked to be narrower
const WIDEST = 1300;
const PLOT_FONT = 1.2; // a chart's letters beside those of the page, at the size that it is drawn in
const SMALL_PLOT = 600; // pixels; a chart that is drawn narrower loses the labels of its lines

const hasData = ({ spec }) => spec.data.length > 0;

// At most two panels that can be drawn, in the order the server wishes. `panels` is a map by figure id.
export function chosen(order, panels) {
  return order
    .map((id) => panels.get(id))
    .filter((panel) => panel && panel.drawing.toSVG && hasData(panel))
    .slice(0, 2);
}

// The panel's figure inside the slot: {image, x, y, width, height}, centred, never distorted.
export async function pictureIn(panel, slot) {
  const svg = panel.spec.kind === "plotly" ? await plot(panel, slot) : await drawing(panel, slot);
  const image = await decoded(svg);
  return { image, ...contained(image, slot) };
}

// As large as the slot allows. Pure.
export function contained({ width, height }, slot) {
  const scale = scaleIn({ width, height }, slot);
  const [wide, high] = [width * scale, height * scale];
  return { x: slot.x + (slot.width - wide) / 2, y: slot.y + (slot.height - high) / 2, width: wide, height: high };
}

function plot(panel, slot) {
  const width = Math.max(SMALL_PLOT, Math.round(slot.width));
  const height = Math.round((slot.height * width) / slot.width);
  return panel.drawing.toSVG({ width, height, titled: false, font: PLOT_FONT });
}

// Drawn at a second width, it has about the shape of the slot.
async function drawing(panel, slot) {
  const size = { width: Math.round(slot.width), height: Math.round(slot.height), titled: false };
  const first = sized(await panel.drawing.toSVG(size));
  const width = widthFor(first, slot, { narrowest: NARROWEST, widest: WIDEST });
  const second = Math.abs(width - slot.width) < 12 ? first : sized(await panel.drawing.toSVG({ ...size, width }));
  return fullestIn([first, second], slot).svg;
}

const sized = (svg) => ({ svg, width: lengthOf(svg, "width"), height: lengthOf(svg, "height") });
const lengthOf = (svg, name) => Number(new RegExp(`<svg[^>]* ${name}="([\\d.]+)"`).exec(svg)[1]);

async function decoded(svg) {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  const image = new Image();
  image.src = url;
  await image.decode();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return image;
}
