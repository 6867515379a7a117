// A figure that a pure layout turns into shapes, kept drawn at the width of its host.
import { tokensOf } from "./roles.js";
import { file, measurer, picture, rasterise, uniqueId } from "./svg.js";

const NARROWEST = 60; // pixels; a hidden host has fewer, and the next resize draws

export class Drawing {
  // layout(figure, width, measure, patternId) → {width, height, shapes}
  constructor(host, figure, layout, { exportWidth = 720, explained = "", ondraw = () => {} } = {}) {
    Object.assign(this, { host, figure, layout, exportWidth, explained, ondraw });
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
    return file(this.layout(this.figure, this.exportWidth, measurer(token), this.id), token);
  }

  toPNG() {
    return rasterise(this.toSVG());
  }

  destroy() {
    this.resizing.disconnect();
    this.host.replaceChildren();
  }
}
