// One number: a handle along its axis.
import { placeOfX, xOf } from "./layout.js";
import { make, Pad, words } from "./pad.js";

const HEIGHT = 108;
const AXIS = 62; // pixels from the top

export class NumberPad extends Pad {
  heightOf() {
    return HEIGHT;
  }

  draw() {
    const { pad, scale } = this.guess;
    this.box = { left: 26, right: this.width - 26, top: 0, bottom: HEIGHT };
    const axes = make("g", { class: "axes", "aria-hidden": "true" });
    for (const mark of scale.marks) {
      const x = xOf(this.box, scale.place(mark));
      axes.append(make("path", { d: `M${x} ${AXIS - 8}V${AXIS + 8}` }), words(scale.say(mark), { x, y: AXIS + 32, class: "tick x" }));
    }
    const track = make("path", { class: "middle", d: `M${this.box.left} ${AXIS}H${this.box.right}` });
    this.fill = make("path", { class: "line solid", style: `--c:${this.colour(pad.points[0].series)}` });
    this.value = words("", { class: "bubble big", "aria-hidden": "true" });
    this.svg.append(axes, track, this.fill, this.value);
    this.handle(pad.points[0], 0, "horizontal");
  }

  placeAt({ x }) {
    return placeOfX(this.box, x);
  }

  move() {
    const { guess } = this;
    const [handle] = this.handles;
    const x = xOf(this.box, guess.scale.place(guess.values[handle.key]));
    Object.assign(handle, { x, y: AXIS, column: x });
    this.fill.setAttribute("d", guess.isSet(handle.key) ? `M${this.box.left} ${AXIS}H${x}` : "");
    this.value.textContent = guess.isSet(handle.key) ? guess.scale.say(guess.values[handle.key]) : "?";
    this.value.setAttribute("x", x);
    this.value.setAttribute("y", AXIS - 24);
  }
}
