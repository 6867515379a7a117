// Bars whose ends are dragged, each with its name and value above it; parts of a whole always add up.
import { placeOfX, xOf } from "./layout.js";
import { make, Pad, words } from "./pad.js";

const ROW = 50;
const TEXT = 15; // of a row: the name above its bar
const BAR = 20;
const EDGE = 20; // so that a handle and a mark at an end are whole
const FOOT = 36; // the marks below

export class BarsPad extends Pad {
  heightOf() {
    return this.guess.pad.points.length * ROW + FOOT;
  }

  draw(height) {
    const { pad, scale } = this.guess;
    this.box = { left: EDGE, right: this.width - EDGE, top: 6, bottom: height - FOOT + 10 };
    this.rows = pad.points.map((point, n) => this.row(point, n));
    const axes = make("g", { class: "axes", "aria-hidden": "true" });
    for (const mark of scale.marks) {
      const x = xOf(this.box, scale.place(mark));
      axes.append(...this.rows.map(({ y }) => make("path", { d: `M${x} ${y}v${BAR}` })));
      axes.append(words(scale.say(mark), { x, y: height - 10, class: "tick x" }));
    }
    this.svg.append(axes);
    pad.points.forEach((point, n) => this.handle(point, n, "horizontal"));
    this.handles.forEach((handle, n) => Object.assign(handle, { y: this.rows[n].y + BAR / 2 }));
  }

  row(point, n) {
    const { pad } = this.guess;
    const top = this.box.top + n * ROW;
    const y = top + TEXT + 4;
    const name = words(pad.labels[point.series] ?? point.series, { x: this.box.left, y: top + 12, class: "name" });
    const value = words("", { x: this.box.right, y: top + 12, class: "value", "aria-hidden": "true" });
    const track = make("rect", { class: "track", x: this.box.left, y, width: this.box.right - this.box.left, height: BAR });
    const bar = make("rect", { class: "bar", x: this.box.left, y, height: BAR, style: `--c:${this.colour(point.series)}` });
    this.svg.append(make("g", { "aria-hidden": "true" }, track, bar, name, value));
    return { key: point.key, y, bar, value };
  }

  placeAt({ x }) {
    return placeOfX(this.box, x);
  }

  move() {
    const { guess } = this;
    this.rows.forEach(({ key, bar, value }, n) => {
      const x = xOf(this.box, guess.scale.place(guess.values[key]));
      bar.setAttribute("width", Math.max(0, x - this.box.left));
      bar.classList.toggle("set", guess.isSet(key));
      value.textContent = guess.isSet(key) ? guess.scale.say(guess.values[key]) : "?";
      Object.assign(this.handles[n], { x, column: x });
    });
  }

  // A row is what the nearest column is to a line: it is the height that says which bar is meant.
  grab(event) {
    this.byRows(() => super.grab(event));
  }

  tap(event) {
    this.byRows(() => super.tap(event));
  }

  byRows(act) {
    this.handles.forEach((handle) => (handle.column = 0));
    act();
  }
}
