// A figure that a pure layout turns into shapes, kept drawn at the width of its host.
import { tokensOf } from "./roles.js";
import { file, measurer, picture, poster, rasterise, uniqueId } from "./svg.js";

const NARROWEST = 60; // pixels; a hidden host has fewer, and the next resize draws

export class Drawing {
  // layout(figure, width, measure, patternId) → {width, height, shapes}; `shown(figure)` gives the ids
  // of the states that a file needs a key for.
  constructor(
    host,
    figure,
    layout,
    { exportWidth = 720, explained = "", shown = () => [], ondraw = () => {} } = {},
  ) {
    Object.assign(this, { host, figure, layout, exportWidth, explained, shown, ondraw });
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
    const drawn = this.layout(this.figure, this.width, measurer(tokensOf(this.host)), this.id);
    this.svg = picture(drawn, `${this.figure.summary} ${this.explained}`.trim());
    this.host.replaceChildren(this.svg);
    this.ondraw(this.svg, drawn);
  }

  toSVG() {
    const token = tokensOf(this.host);
    const measure = measurer(token);
    const drawn = this.layout(this.figure, this.exportWidth, measure, this.id);
    const ids = new Set(this.shown(this.figure));
    const states = this.figure.layout.states.filter((state) => ids.has(state.id));
    const paint = (state) => (state.hatch ? `url(#${this.id}-${state.id})` : `$st-${state.id}`);
    return file(poster(drawn, { title: this.figure.title, states, paint }, measure), token);
  }

  toPNG() {
    return rasterise(this.toSVG());
  }

  destroy() {
    this.resizing.disconnect();
    this.host.replaceChildren();
  }
}
