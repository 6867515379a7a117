// A pad with handles: an SVG drawn at the width of its host, worked by pointer, finger and keys.
import { nearest, under } from "./layout.js";
import { pointName, spokenHandle } from "./says.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const NARROWEST = 120; // pixels; a hidden host has fewer, and the next resize draws
const SHAPES = ["M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z", "M-5.5-5.5h11v11h-11z", "M0-7.5L7.5 0L0 7.5L-7.5 0z", "M0-7L7 6H-7z"];

export function make(name, attributes = {}, ...children) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const words = (text, attributes) => make("text", attributes, text);

// The marks at both ends stand over the edge where the font is wide.
function keepInside(tick, width) {
  const { x, width: length } = tick.getBBox();
  const over = Math.max(0, x + length + 1 - width) - Math.max(0, 1 - x);
  if (over) {
    tick.setAttribute("x", Number(tick.getAttribute("x")) - over);
  }
}

// `height(pad)` and `draw(svg, width)`, `move()` and `placeAt(point)` are what a kind of pad adds.
export class Pad {
  // `told` is called after every change by hand.
  constructor(host, guess, told) {
    Object.assign(this, { host, guess, told });
    this.resizing = new ResizeObserver(() => this.fit());
    this.resizing.observe(host);
    this.fit();
  }

  // One pixel of the picture grows with the root's type, as everything else on the page does.
  fit() {
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const width = Math.floor(this.host.clientWidth / unit);
    if (width >= NARROWEST && (width !== this.width || unit !== this.unit)) {
      Object.assign(this, { width, unit });
      this.build();
    }
  }

  build() {
    const focused = this.handles?.find((handle) => handle.element === document.activeElement)?.key;
    const height = this.heightOf();
    this.handles = [];
    this.svg = make("svg", {
      viewBox: `0 0 ${this.width} ${height}`,
      role: "group",
      "aria-labelledby": "guess-ask",
      style: `height:${height / 16}rem`,
    });
    this.draw(height);
    this.host.replaceChildren(this.svg);
    this.svg.querySelectorAll(".tick.x").forEach((tick) => keepInside(tick, this.width));
    this.listen();
    this.update();
    this.handles.find((handle) => handle.key === focused)?.element.focus({ preventScroll: true });
  }

  // One handle; its shape tells its series from the others without colour.
  handle(point, n, orientation) {
    const { pad, scale } = this.guess;
    const element = make(
      "g",
      {
        class: "handle",
        tabindex: 0,
        role: "slider",
        "aria-label": pointName(pad, point),
        "aria-valuemin": scale.low,
        "aria-valuemax": scale.high,
        "aria-orientation": orientation,
        style: `--c:${this.colour(point.series)}`,
      },
      make("circle", { class: "hit", r: 22 }),
      make("circle", { class: "ring", r: 12 }),
      make("path", { class: "shape", d: SHAPES[n % SHAPES.length] }),
    );
    const handle = { key: point.key, series: point.series, element, column: 0, x: 0, y: 0 };
    element.addEventListener("keydown", (event) => this.press(event, handle));
    element.addEventListener("focus", () => this.show(handle));
    element.addEventListener("blur", () => this.show(null));
    this.handles.push(handle);
    this.svg.append(element);
    return handle;
  }

  colour(series) {
    return `var(--${this.guess.pad.roles[series]?.slice(1) ?? "ch1"})`;
  }

  // ---- by keyboard

  press(event, handle) {
    const { guess } = this;
    const value = guess.values[handle.key];
    const accepted = event.key === "Enter" || event.key === " ";
    const wanted = accepted ? value : guess.scale.key(value, event.key);
    if (wanted === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // the page has uses of its own for arrows
    this.put(handle, wanted);
  }

  put(handle, value) {
    this.guess.put(handle.key, value);
    this.update();
    this.show(handle);
    this.told();
  }

  // ---- by pointer. A finger has to take a handle, or tap: everywhere else it scrolls the page.

  listen() {
    const { svg } = this;
    svg.addEventListener("pointerdown", (event) => this.grab(event));
    svg.addEventListener("pointermove", (event) => this.drag(event));
    svg.addEventListener("pointerup", () => (this.held = null));
    svg.addEventListener("pointercancel", () => (this.held = null));
    svg.addEventListener("click", (event) => this.tap(event));
    svg.addEventListener("touchstart", (event) => this.hold(event), { passive: false });
  }

  at(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  // A finger on a handle moves the handle, not the page.
  hold(event) {
    if (event.touches.length === 1 && under(this.handles, this.at(event.touches[0]))) {
      event.preventDefault();
    }
  }

  grab(event) {
    const point = this.at(event);
    const hit = under(this.handles, point);
    const meant = hit ?? (event.pointerType === "mouse" ? nearest(this.handles, point) : null);
    this.grabbed = meant !== null;
    if (!meant || event.button !== 0) {
      return;
    }
    event.preventDefault(); // no text is selected on the way
    const handle = this.handles.find(({ key }) => key === meant.key);
    handle.element.focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    this.held = { handle, dx: hit ? handle.x - point.x : 0, dy: hit ? handle.y - point.y : 0 };
    this.drag(event);
  }

  drag(event) {
    if (this.held) {
      const { handle, dx, dy } = this.held;
      const { x, y } = this.at(event);
      this.put(handle, this.guess.scale.value(this.placeAt({ x: x + dx, y: y + dy })));
    }
  }

  tap(event) {
    if (!this.grabbed) {
      const point = this.at(event);
      const { key } = nearest(this.handles, point);
      const handle = this.handles.find((candidate) => candidate.key === key);
      this.put(handle, this.guess.scale.value(this.placeAt(point)));
    }
  }

  // ---- as it stands

  update() {
    const { guess } = this;
    this.move();
    for (const { key, element, x, y } of this.handles) {
      element.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      element.setAttribute("aria-valuenow", guess.values[key]);
      element.setAttribute("aria-valuetext", spokenHandle(guess, key));
      element.classList.toggle("set", guess.isSet(key));
    }
  }

  // The handle in hand says its value; a pad that says it elsewhere leaves this alone.
  show() {}

  destroy() {
    this.resizing.disconnect();
    this.host.replaceChildren();
  }
}
