// A figure that a pure layout turns into shapes, kept drawn at the width of its host.
import { tokensOf } from "./roles.js";
import { fullestIn, scaleIn, widthFor } from "./room.js";
import { file, keepWordsInside, measurer, picture, poster, rasterise, uniqueId } from "./svg.js";

const NARROWEST = 60; // pixels; a hidden host has fewer, and the next resize draws
const TIGHTEST = 480; // pixels; where a slide wants large letters, a drawing is not laid out narrower

export class Drawing {
  // layout(figure, width, measure, patternId, height) → {width, height, shapes}: a height is given where the
  // drawing is shown as large as fits. `shown(figure)` gives the ids of the states that a file needs a key for.
  constructor(
    host,
    figure,
    layout,
    { exportWidth = 720, explained = "", shown = () => [], ondraw = () => {} } = {},
  ) {
    Object.assign(this, { host, figure, exportWidth, explained, shown, ondraw });
    this.layout = (given, width, measure, ...more) =>
      keepWordsInside(layout(given, width, measure, ...more), measure);
    this.id = uniqueId();
    this.resizing = new ResizeObserver(() => this.fit());
    this.resizing.observe(host);
    this.fit();
  }

  update() {
    this.width = null;
    this.fit();
  }

  fit() {
    const width = Math.floor(this.host.clientWidth);
    if (width >= NARROWEST && width !== this.width) {
      this.width = width;
      this.draw();
    }
  }

  draw() {
    const token = tokensOf(this.host);
    const high = parseFloat(token("--fig-room")) || 0;
    const room = high && { width: this.width, height: high };
    const lay = (width) => this.layout(this.figure, width, measurer(token), this.id, high || undefined);
    const drawn = room ? this.shaped(lay, room) : lay(this.width);
    this.svg = picture(drawn, `${this.figure.summary} ${this.explained}`.trim());
    if (room) {
      this.fill(drawn, room);
    }
    this.host.replaceChildren(this.svg);
    this.ondraw(this.svg, drawn);
  }

  shaped(lay, room) {
    const first = lay(room.width);
    return fullestIn([first, lay(widthFor(first, room, { narrowest: TIGHTEST, widest: room.width }))], room);
  }

  // On a slide the picture, letters and all, is as large as the slide has room for.
  fill(drawn, room) {
    const scale = scaleIn(drawn, room);
    this.svg.setAttribute("width", Math.floor(drawn.width * scale));
    this.svg.setAttribute("height", Math.floor(drawn.height * scale));
  }

  toSVG({ width = this.exportWidth, height, titled = true } = {}) {
    const token = tokensOf(this.host);
    const measure = measurer(token);
    const drawn = this.layout(this.figure, width, measure, this.id, height);
    const ids = new Set(this.shown(this.figure));
    const states = this.figure.layout.states.filter((state) => ids.has(state.id));
    const paint = (state) => (state.hatch ? `url(#${this.id}-${state.id})` : `$st-${state.id}`);
    const title = titled ? this.figure.title : "";
    return file(poster(drawn, { title, states, paint }, measure), token);
  }

  toPNG() {
    return rasterise(this.toSVG());
  }

  destroy() {
    this.resizing.disconnect();
    this.host.replaceChildren();
  }
}
