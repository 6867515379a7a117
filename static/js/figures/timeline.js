// State timelines on a canvas of our own: 64 lanes of 20 000 spans draw in one frame or two.
// A state is coded by height and hatch as well as by colour. Where spans are denser than pixels,
// a column shows how its time was shared, so that zooming out stays true.
import { Lane, clamp, frame, inGroups, layoutLane, panned, spanAt, stateAt, zoomed } from "./lanes.js";
import { ink, Pixels } from "./pixels.js";
import { tokensOf } from "./roles.js";
import { file, hatch, line, measurer, poster, rasterise, rect, round, shape, text } from "./svg.js";
import { duration, moment, niceStep, ticks } from "./units.js";
import { t as say } from "../words.js";

const HINT = say("Keys: W and S zoom, A and D or the arrows move, 0 shows all.");
const EXPORT_WIDTH = 1200;
const KEY_HEIGHT = 34; // of one row of states below the lanes
const TICK_APART = 100; // pixels, for letters of 12
const LARGEST = 30; // pixels of a slide's letters
const SMALLEST = 12;

const KEYS = {
  w: (timeline) => timeline.zoom(0.7),
  s: (timeline) => timeline.zoom(1.4),
  "+": (timeline) => timeline.zoom(0.7),
  "=": (timeline) => timeline.zoom(0.7),
  "-": (timeline) => timeline.zoom(1.4),
  a: (timeline) => timeline.pan(-0.2),
  d: (timeline) => timeline.pan(0.2),
  arrowleft: (timeline) => timeline.pan(-0.1),
  arrowright: (timeline) => timeline.pan(0.1),
  0: (timeline) => timeline.reset(),
};

export class Timeline {
  // `figure` is kept and may grow; call `update` when it has. `onview(from, to)` hears of every view,
  // `onmoment(t)` of the crosshair: t in seconds, null where there is none.
  constructor(host, figure) {
    this.host = host;
    this.figure = figure;
    this.cross = null;
    this.onview = null;
    this.onmoment = null;
    this.lanes = [];
    this.whole = { from: 0, to: 1 };
    this.view = this.whole;
    this.addElements();
    this.addEvents();
    this.update();
  }

  addElements() {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "tl-canvas";
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.tip = document.createElement("div");
    this.tip.className = "tl-tip";
    this.tip.hidden = true;
    this.note = document.createElement("p");
    this.note.className = "fig-note";
    this.host.classList.add("tl-host");
    this.host.append(this.canvas, this.tip, this.note);
    this.resizing = new ResizeObserver(() => this.paint());
    this.resizing.observe(this.host);
  }

  destroy() {
    this.resizing.disconnect();
    cancelAnimationFrame(this.frameAsked);
    this.host.classList.remove("tl-host");
    this.host.replaceChildren();
  }

  // ---- data

  update() {
    const { data, layout, summary } = this.figure;
    this.states = layout.states;
    this.codes = new Map(this.states.map((state, code) => [state.id, code]));
    this.lanes = inGroups(data).map((trace) => this.laneOf(trace));
    const whole = layout.t1 > layout.t0 ? { from: layout.t0, to: layout.t1 } : { from: 0, to: 1 };
    const showedAll = this.view.from === this.whole.from && this.view.to === this.whole.to;
    this.whole = whole;
    this.view = showedAll ? whole : clamp(this.view, whole);
    this.canvas.setAttribute("aria-label", `${summary} ${HINT}`);
    this.note.textContent = layout.note ?? "";
    this.paint();
  }

  laneOf(trace) {
    const known = this.lanes.find((lane) => lane.id === trace.id && lane.source === trace.start);
    const lane = known ?? new Lane(trace);
    lane.label = trace.label;
    lane.group = trace.group ?? "";
    lane.catchUp(trace, this.codes);
    return lane;
  }

  // The state of every lane at a moment, by the lane's id; lanes that know nothing are left out.
  statesAt(t) {
    const found = {};
    for (const lane of this.lanes) {
      const code = stateAt(lane, t);
      if (code >= 0) {
        found[lane.id] = this.states[code].id;
      }
    }
    return found;
  }

  // ---- what part is shown

  zoom(factor, at) {
    this.show(zoomed(this.view, this.whole, factor, at));
  }

  pan(share) {
    this.show(panned(this.view, this.whole, share));
  }

  reset() {
    this.show(this.whole);
  }

  show(view) {
    this.look(view.from, view.to);
    this.onview?.(this.view.from, this.view.to);
  }

  // The same without telling anybody: who says so has shown it already.
  look(from, to) {
    this.view = clamp({ from, to }, this.whole);
    this.paint();
  }

  point(t) {
    this.cross = t;
    this.paint();
    this.onmoment?.(t);
  }

  // ---- drawing

  paint() {
    this.frameAsked ??= requestAnimationFrame(() => {
      this.frameAsked = undefined;
      this.draw();
    });
  }

  theme() {
    const token = tokensOf(this.host);
    const body = parseFloat(token("--tl-body")) || 1;
    const names = ["ink", "ink-2", "ink-3", "grid", "rule", "mono", "sans"];
    return {
      ...Object.fromEntries(names.map((name) => [name, token(`--${name}`)])),
      inks: this.states.map((state) => ink(token(`--st-${state.id}`), body)),
      font: parseFloat(token("--tl-fs")) || 12,
      room: parseFloat(token("--fig-room")) || 0,
    };
  }

  draw() {
    const width = Math.floor(this.host.clientWidth);
    if (width < 60) {
      return; // hidden; the next resize draws
    }
    const context = this.canvas.getContext("2d");
    const theme = this.theme();
    this.frame = this.framed(context, width, theme);
    this.size(context, width, this.frame.height);
    this.drawGrid(context, theme);
    this.drawLabels(context, theme);
    this.drawSpans(context, theme);
    this.drawFrame(context, theme);
  }

  // On a slide, which says its room in pixels, letters and lanes are as large as fits.
  framed(context, width, theme) {
    const room = theme.room - 2;
    for (let font = theme.room ? LARGEST : theme.font; ; font -= 1) {
      theme.font = font;
      const made = frame(this.lanes, width, this.labelWidth(context, theme), theme.room ? { font, room } : { font });
      if (!theme.room || made.height <= room || font <= SMALLEST) {
        return made;
      }
    }
  }

  labelWidth(context, theme) {
    context.font = `${theme.font}px ${theme.mono}`;
    return Math.max(0, ...this.lanes.map((lane) => context.measureText(lane.label).width));
  }

  size(context, width, height) {
    this.density = Math.min(2, devicePixelRatio || 1);
    const [columns, rows] = [Math.round(width * this.density), Math.round(height * this.density)];
    if (this.canvas.width !== columns || this.canvas.height !== rows) {
      this.canvas.width = columns;
      this.canvas.height = rows;
      this.canvas.style.height = `${height}px`;
    }
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, width, height);
  }

  x(t) {
    return this.frame.left + ((t - this.view.from) / (this.view.to - this.view.from)) * this.frame.plot;
  }

  timeAt(x) {
    return this.view.from + ((x - this.frame.left) / this.frame.plot) * (this.view.to - this.view.from);
  }

  drawGrid(context, theme) {
    const { bottom, height, left, plot } = this.frame;
    const step = niceStep(this.view.to - this.view.from, Math.max(2, (plot * 12) / (TICK_APART * theme.font)));
    context.lineWidth = 1;
    this.rules(context, theme.grid, ticks(this.view.from, this.view.to, step), 0, bottom + 4);
    this.rules(context, theme["ink-3"], ticks(this.view.from, this.view.to, step / 5), bottom, bottom + 3);
    context.fillStyle = theme["ink-3"];
    context.font = `${theme.font - 1}px ${theme.mono}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    let free = left - 1; // where the next label may begin
    for (const { t, words, x, half } of this.axisLabels(context, step)) {
      if (Number.isFinite(t) && x - half >= free && x < left + plot) {
        context.fillText(words, x, (bottom + height) / 2 + 3);
        free = x + half + theme.font / 2;
      }
    }
  }

  // Labels at both ends move inwards, so that none is cut.
  axisLabels(context, step) {
    const { left, plot } = this.frame;
    return ticks(this.view.from, this.view.to, step).map((t) => {
      const words = moment(t, step);
      const half = context.measureText(words).width / 2;
      const x = Math.min(Math.max(this.x(t), left + half), left + plot - half);
      return { t, words, x, half };
    });
  }

  rules(context, color, moments, top, bottom) {
    context.strokeStyle = color;
    context.beginPath();
    for (const t of moments) {
      const x = Math.round(this.x(t)) + 0.5;
      context.moveTo(x, top);
      context.lineTo(x, bottom);
    }
    context.stroke();
  }

  drawLabels(context, theme) {
    const { above, heads, laneHeight, left, rows } = this.frame;
    context.textBaseline = "middle";
    context.font = `${theme.font}px ${theme.mono}`;
    context.fillStyle = theme.ink;
    context.textAlign = above ? "left" : "right";
    rows.forEach((row, n) => {
      const y = above ? row.label + theme.font * 0.62 : row.y + laneHeight / 2;
      context.fillText(this.lanes[n].label, above ? left + 4 : left - 12, y);
    });
    context.font = `${theme.font}px ${theme.sans}`;
    context.fillStyle = theme["ink-2"];
    context.textAlign = "left";
    heads.forEach((head) => context.fillText(head.text, left + 4, head.y + theme.font));
  }

  drawSpans(context, theme) {
    const { density } = this;
    const { bottom, laneHeight, left, plot, rows } = this.frame;
    const pixels = new Pixels(Math.round(plot * density), Math.round(bottom * density), density);
    this.modes = this.lanes.map((lane, n) => {
      const paint = painter(pixels, this.states, theme.inks, rows[n].y * density, laneHeight * density);
      return layoutLane(lane, this.states, this.view, pixels.width, paint);
    });
    this.layer ??= document.createElement("canvas");
    this.layer.width = pixels.width;
    this.layer.height = pixels.height;
    this.layer.getContext("2d").putImageData(pixels.image, 0, 0);
    context.drawImage(this.layer, left, 0, plot, bottom);
  }

  drawFrame(context, theme) {
    const { bottom, left, plot } = this.frame;
    context.setLineDash([3, 3]);
    this.rules(context, theme["ink-2"], this.marks(), 0, bottom);
    context.setLineDash([]);
    context.strokeStyle = theme.rule;
    context.strokeRect(left + 0.5, 0.5, plot - 0.5, bottom);
    if (this.cross !== null) {
      this.rules(context, theme.ink, [this.cross], 0, bottom);
    }
  }

  marks() {
    const moments = (this.figure.layout.marks ?? []).map((mark) => mark.t);
    return moments.filter((t) => t >= this.view.from && t <= this.view.to);
  }

  // ---- the pointer and the keys

  addEvents() {
    const on = (name, act, options) => this.canvas.addEventListener(name, act, options);
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("pointerdown", (event) => this.grab(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", () => this.release());
    on("pointercancel", () => this.release());
    on("pointerleave", () => this.leave());
    on("dblclick", () => this.reset());
    on("keydown", (event) => this.key(event));
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event.offsetX));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.pan(Math.sign(event.deltaX || event.deltaY) * 0.1);
    } else {
      return; // the page scrolls
    }
    event.preventDefault();
  }

  grab(event) {
    this.grabbed = { x: event.offsetX, view: this.view };
    this.canvas.setPointerCapture(event.pointerId);
  }

  release() {
    this.grabbed = null;
  }

  leave() {
    this.tip.hidden = true;
    this.point(null);
  }

  move(event) {
    if (!this.frame) {
      return;
    }
    if (this.grabbed) {
      const { x, view } = this.grabbed;
      this.show(panned(view, this.whole, (x - event.offsetX) / this.frame.plot));
      return;
    }
    const t = this.timeAt(event.offsetX);
    const inside = t >= this.view.from && t <= this.view.to;
    this.point(inside ? t : null);
    this.showTip(event.offsetX, event.offsetY, inside ? t : null);
  }

  key(event) {
    const act = KEYS[event.key.toLowerCase()];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      act(this);
    }
  }

  showTip(x, y, t) {
    const words = t === null ? "" : this.tell(y, t);
    this.tip.hidden = !words;
    if (words) {
      this.tip.textContent = words;
      const left = Math.max(0, Math.min(x + 12, this.host.clientWidth - this.tip.offsetWidth - 4));
      this.tip.style.transform = `translate(${left}px,${y + 14}px)`;
    }
  }

  tell(y, t) {
    const { gap, laneHeight, rows } = this.frame;
    const row = rows.findIndex(
      (candidate) => y >= candidate.label - gap / 2 && y < candidate.y + laneHeight + gap / 2,
    );
    const place = row < 0 ? -1 : spanAt(this.lanes[row], t);
    if (place < 0) {
      return "";
    }
    const lane = this.lanes[row];
    const state = this.states[lane.state[place]].label;
    return `${lane.label} · ${state} · ${duration(lane.end[place] - lane.start[place])}`;
  }

  // ---- files: what is visible, as vectors. The number of shapes is bounded by the width.

  // With a `height`, lanes become thinner until the picture has about that height.
  toSVG({ width = EXPORT_WIDTH, height = Infinity, titled = true } = {}) {
    const token = tokensOf(this.host);
    const measure = measurer(token);
    const labels = Math.max(0, ...this.lanes.map((lane) => measure(lane.label, 12, "--mono")));
    const drawn = timelinePicture(this, frame(this.lanes, width, labels, { room: height - KEY_HEIGHT }));
    const title = titled ? this.figure.title : "";
    const words = { title, states: drawn.used, paint: paintOf };
    return file(poster(drawn, words, measure), token);
  }

  toPNG() {
    return rasterise(this.toSVG());
  }
}

// Paints what a layout emits: columns and shares become device pixels.
function painter(pixels, states, inks, top, height) {
  return (x, width, state, low, high) => {
    const left = Math.floor(x + 0.5);
    const right = Math.min(pixels.width, Math.max(left + 1, Math.floor(x + width + 0.5)));
    const upper = Math.floor(top + height * (1 - high) + 0.5);
    const lower = Math.min(pixels.height, Math.floor(top + height * (1 - low) + 0.5));
    if (states[state].hatch && right - left > 2) {
      pixels.hatch(left, upper, right, lower, inks[state]);
    } else {
      pixels.fill(left, upper, right, lower, inks[state]);
    }
  };
}

// The same picture as shapes, and which states it shows. Pure but for the lanes it reads.
export function timelinePicture({ lanes, states, view }, place) {
  const used = new Set();
  const bars = lanes.flatMap((lane, n) => laneShapes(lane, states, view, place, n, used));
  const heads = place.heads.map((head) => text(place.left + 4, head.y + 14, head.text));
  const hatches = states
    .filter((state) => state.hatch)
    .map((state) => hatch(hatchId(state), `$st-${state.id}`));
  const outline = rect(place.left + 0.5, 0.5, place.plot - 0.5, place.bottom, {
    fill: "none",
    stroke: "$rule",
  });
  return {
    width: place.left + place.plot + 1,
    height: place.height,
    shapes: [shape("defs", {}, "", hatches), ...axisShapes(view, place), ...bars, ...heads, outline],
    used: states.filter((_, code) => used.has(code)),
  };
}

const hatchId = (state) => `timeline-${state.id}`;
const paintOf = (state) => (state.hatch ? `url(#${hatchId(state)})` : `$st-${state.id}`);

function axisShapes(view, place) {
  const step = niceStep(view.to - view.from, Math.max(2, place.plot / TICK_APART));
  const scale = place.plot / (view.to - view.from);
  return ticks(view.from, view.to, step).flatMap((t) => {
    const x = place.left + (t - view.from) * scale;
    const label = {
      "text-anchor": x > place.left + place.plot - 30 ? "end" : "middle",
      "font-family": "$mono",
      "font-size": 11,
      fill: "$ink-3",
    };
    return [
      line(x, 0, x, place.bottom + 4, { stroke: "$grid" }),
      text(x, place.height - 6, moment(t, step), label),
    ];
  });
}

function laneShapes(lane, states, view, place, n, used) {
  const { above, laneHeight, left, plot, rows } = place;
  const paths = new Map();
  layoutLane(lane, states, view, Math.floor(plot), (x, width, state, low, high) => {
    used.add(state);
    const y = rows[n].y + laneHeight * (1 - high);
    const drawn = `M${round(left + x)} ${round(y)}h${round(width)}v${round(laneHeight * (high - low))}h${round(-width)}z`;
    paths.set(state, (paths.get(state) ?? "") + drawn);
  });
  const label = above
    ? text(left + 4, rows[n].label + 11, lane.label, { "font-family": "$mono", fill: "$ink" })
    : text(left - 12, rows[n].y + laneHeight / 2 + 4, lane.label, {
        "font-family": "$mono",
        fill: "$ink",
        "text-anchor": "end",
      });
  const bars = [...paths].map(([state, d]) => shape("path", { fill: paintOf(states[state]), d }));
  return [label, ...bars];
}
