// Lines over a figure's own axes, drawn by their points.
import { apart, aside, lineFrame, placeOfY, roughWidth, yOf } from "./layout.js";
import { make, Pad, words } from "./pad.js";

const HEIGHT = 280;
const LABEL = 12; // pixels of type
const TICK = 11;
const WIDEST = 120; // of the names at the end of the lines

export class LinePad extends Pad {
  heightOf() {
    return HEIGHT;
  }

  get series() {
    return [...new Set(this.guess.pad.points.map((point) => point.series))];
  }

  draw(height) {
    const { pad, scale } = this.guess;
    const names = this.series.map((series) => pad.labels[series] ?? series);
    const labelWidth = Math.min(WIDEST, 30 + Math.max(...names.map((name) => roughWidth(name, LABEL))));
    const markWidth = Math.max(...scale.marks.map((mark) => roughWidth(scale.say(mark), TICK)));
    this.frame = lineFrame(pad, { width: this.width, height, labelWidth, markWidth });
    this.drawAxes();
    this.lines = this.series.map((series) => make("path", { class: "line", style: `--c:${this.colour(series)}` }));
    this.ends = this.series.map((series, n) => words(names[n], { class: "end", style: `--c:${this.colour(series)}` }));
    this.svg.append(...this.lines, ...this.ends, ...this.startPoint());
    this.bubble = words("", { class: "bubble", "aria-hidden": "true" });
    pad.points.forEach((point) => this.handle(point, this.series.indexOf(point.series), "vertical"));
    this.handles.forEach((handle, n) => (handle.column = this.frame.x.get(pad.points[n].x)));
    this.svg.append(this.bubble);
  }

  drawAxes() {
    const { box, columns, x } = this.frame;
    const { pad, scale } = this.guess;
    const axes = make("g", { class: "axes", "aria-hidden": "true" });
    for (const mark of scale.marks) {
      const y = yOf(box, scale.place(mark));
      axes.append(make("path", { d: `M${box.left} ${y}H${box.right}` }), words(scale.say(mark), { x: box.left - 8, y: y + 4, class: "tick y" }));
    }
    for (const column of columns) {
      const at = x.get(column);
      axes.append(make("path", { d: `M${at} ${box.top}V${box.bottom}` }), words(column, { x: at, y: box.bottom + 18, class: "tick x" }));
    }
    if (pad.about) {
      axes.append(words(pad.about, { x: (box.left + box.right) / 2, y: box.bottom + 36, class: "title" }));
    }
    this.middle = make("path", { class: "middle", d: `M${box.left} ${this.y(scale.middle)}H${box.right}` });
    this.svg.append(axes, this.middle);
  }

  y(value) {
    return yOf(this.frame.box, this.guess.scale.place(value));
  }

  // What is known and not asked.
  startPoint() {
    const { starts } = this.guess.pad;
    const x = starts && this.frame.x.get(starts[0]);
    return x === undefined || x === null ? [] : [make("circle", { class: "start", cx: x, cy: this.y(starts[1]), r: 3.5 })];
  }

  placeAt({ y }) {
    return placeOfY(this.frame.box, y);
  }

  move() {
    const { guess, frame } = this;
    for (const column of frame.columns) {
      const here = this.handles.filter((handle) => handle.column === frame.x.get(column));
      const ys = here.map((handle) => this.y(guess.values[handle.key]));
      const dx = aside(ys);
      here.forEach((handle, n) => Object.assign(handle, { x: handle.column + dx[n], y: ys[n] }));
    }
    this.middle.toggleAttribute("hidden", guess.isReady);
    this.series.forEach((series, n) => this.lines[n].setAttribute("d", this.path(series)));
    this.moveEnds();
  }

  // From point to point as far as they are set.
  path(series) {
    const { starts } = this.guess.pad;
    const first = starts ? [[this.frame.x.get(starts[0]), this.y(starts[1])]] : [];
    const set = this.handles.filter((handle) => handle.series === series && this.guess.isSet(handle.key));
    const places = [...first, ...set.map((handle) => [handle.column, handle.y])];
    return places.length > 1 ? `M${places.map((place) => place.join(" ")).join("L")}` : "";
  }

  moveEnds() {
    const last = this.series.map((series) => this.handles.findLast((handle) => handle.series === series).y);
    apart(last).forEach((y, n) => {
      this.ends[n].setAttribute("x", this.frame.box.right + 26);
      this.ends[n].setAttribute("y", y + 4);
    });
  }

  show(handle) {
    this.bubble.textContent = handle ? this.guess.scale.say(this.guess.values[handle.key]) : "";
    if (handle) {
      this.bubble.setAttribute("x", handle.x);
      this.bubble.setAttribute("y", handle.y < 40 ? handle.y + 28 : handle.y - 16);
    }
  }
}
