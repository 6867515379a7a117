// The live strip of this machine: rings of samples in, at most one drawing a frame.
import { tokensOf } from "./roles.js";
import { t as say } from "../words.js";

const ROOM = 4096; // samples kept for each channel: more than three minutes at 20 a second
const GAP = 2.5; // seconds without a sample; then a line breaks (a quiet bench is sampled every second)
const ACROSS = 10; // divisions
const DOWN = 8;
const MARGIN = 6; // right of the newest sample

// The newest samples, with the moment of each.
export class Ring {
  constructor(channels, room = ROOM) {
    this.room = room;
    this.times = new Float64Array(room);
    this.values = Array.from({ length: channels }, () => new Float64Array(room));
    this.next = 0;
    this.count = 0;
  }

  push(values, t) {
    this.times[this.next] = t;
    this.values.forEach((column, channel) => {
      column[this.next] = values[channel] ?? NaN;
    });
    this.next = (this.next + 1) % this.room;
    this.count = Math.min(this.room, this.count + 1);
  }

  // Places of the samples from a moment on, oldest first, with one before it so that lines enter.
  since(t) {
    const places = [];
    for (let back = 1; back <= this.count; back += 1) {
      const place = (this.next - back + this.room) % this.room;
      places.push(place);
      if (this.times[place] < t) {
        break;
      }
    }
    return places.reverse();
  }

  last(channel) {
    return this.count ? this.values[channel][(this.next - 1 + this.room) % this.room] : NaN;
  }

  lastTime() {
    return this.count ? this.times[(this.next - 1 + this.room) % this.room] : NaN;
  }
}

// Lines through the samples of a channel: [[x, y], …] each, broken where samples are missing.
export function strokes(ring, channel, { now, seconds, width, bottom, height, max, step = false }) {
  const lines = [];
  let open = [];
  let before = -Infinity;
  for (const place of ring.since(now - seconds)) {
    const t = ring.times[place];
    const value = ring.values[channel][place];
    if (t > now) {
      break; // held
    }
    if (t - before > GAP || Number.isNaN(value)) {
      open = [];
      lines.push(open);
    }
    before = t;
    if (!Number.isNaN(value)) {
      addPoint(open, width * (1 - (now - t) / seconds), bottom - Math.min(1.04, value / max) * height, step);
    }
  }
  return lines.filter((points) => points.length);
}

function addPoint(points, x, y, step) {
  if (step && points.length) {
    points.push([x, points.at(-1)[1]]);
  }
  points.push([x, y]);
}

export class Scope {
  // channels: [{label, max, step?}], at most six, drawn in the colours --ch1 to --ch6.
  constructor(host, channels, { seconds = 20, height = 384 } = {}) {
    this.host = host;
    this.channels = channels;
    this.span = seconds;
    this.height = height;
    this.ring = new Ring(channels.length);
    this.heldAt = null;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute(
      "aria-label",
      `${say("Live traces:")} ${channels.map((channel) => channel.label).join(say(", "))}`,
    );
    host.prepend(this.canvas);
    this.resizing = new ResizeObserver(() => this.paint());
    this.resizing.observe(host);
    this.onTheme = () => this.redraw();
    document.addEventListener("themechange", this.onTheme);
  }

  // One value a channel; `t` in seconds of any steady clock.
  push(values, t = performance.now() / 1000) {
    this.ring.push(values, t);
    if (!this.hold) {
      this.paint();
    }
  }

  last(channel) {
    return this.ring.last(channel);
  }

  // Held, the traces stand still; samples are kept meanwhile.
  get hold() {
    return this.heldAt !== null;
  }

  set hold(on) {
    this.heldAt = on ? this.ring.lastTime() : null;
    this.paint();
  }

  pause() {
    this.hold = true;
  }

  resume() {
    this.hold = false;
  }

  // How much time the screen shows.
  get seconds() {
    return this.span;
  }

  set seconds(seconds) {
    this.span = seconds;
    this.paint();
  }

  redraw() {
    this.known = null;
    this.paint();
  }

  destroy() {
    this.resizing.disconnect();
    document.removeEventListener("themechange", this.onTheme);
    cancelAnimationFrame(this.frameAsked);
    this.canvas.remove();
  }

  paint() {
    this.frameAsked ??= requestAnimationFrame(() => {
      this.frameAsked = undefined;
      this.draw();
    });
  }

  theme() {
    if (!this.known) {
      const token = tokensOf(this.host);
      const names = ["grid", "grid-2", "ink-3", "screen", "mono"];
      this.known = Object.fromEntries(names.map((name) => [name, token(`--${name}`)]));
      this.known.channels = this.channels.map((_, n) => token(`--ch${(n % 6) + 1}`));
      this.known.dark = token("color-scheme") === "dark" || document.documentElement.dataset.theme === "dark";
    }
    return this.known;
  }

  draw() {
    const width = this.host.clientWidth;
    if (width < 40) {
      return;
    }
    const height = width < 560 ? Math.round(this.height * 0.84) : this.height;
    const theme = this.theme();
    const context = this.size(width, height);
    drawGraticule(context, width, height, theme);
    const lane = height / this.channels.length;
    this.channels.forEach((channel, n) => {
      const bottom = (n + 1) * lane - 7;
      this.drawChannel(context, channel, n, { width: width - MARGIN, bottom, height: lane - 20 }, theme);
    });
  }

  size(width, height) {
    const density = Math.min(2, devicePixelRatio || 1);
    const [columns, rows] = [Math.round(width * density), Math.round(height * density)];
    if (this.canvas.width !== columns || this.canvas.height !== rows) {
      this.canvas.width = columns;
      this.canvas.height = rows;
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  drawChannel(context, channel, n, place, theme) {
    const { seconds } = this;
    const given = {
      ...place,
      now: this.heldAt ?? this.ring.lastTime(),
      seconds,
      max: channel.max,
      step: channel.step,
    };
    const lines = this.ring.count ? strokes(this.ring, n, given) : [];
    const color = theme.channels[n];
    context.lineJoin = "round";
    for (const points of lines) {
      drawLine(context, points, color, place.bottom + 1, theme.dark);
    }
    if (lines.length) {
      drawDot(context, lines.at(-1).at(-1), color);
    }
    drawFlag(context, n + 1, place.bottom, color, theme);
    drawName(context, channel.label, place.bottom - place.height, color, theme);
  }
}

function drawLine(context, points, color, ground, dark) {
  context.beginPath();
  points.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.strokeStyle = color;
  if (dark) {
    context.globalAlpha = 0.16; // the glow of phosphor
    context.lineWidth = 5;
    context.stroke();
  }
  context.globalAlpha = 1;
  context.lineWidth = 1.6;
  context.stroke();
  context.lineTo(points.at(-1)[0], ground);
  context.lineTo(points[0][0], ground);
  context.closePath();
  context.globalAlpha = 0.1;
  context.fillStyle = color;
  context.fill();
  context.globalAlpha = 1;
}

function drawDot(context, [x, y], color) {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, 2.6, 0, 2 * Math.PI);
  context.fill();
}

// The numbered flag at the left edge, as on the front of an oscilloscope.
function drawFlag(context, number, y, color, theme) {
  context.fillStyle = color;
  context.beginPath();
  context.moveTo(0, y - 7);
  context.lineTo(14, y - 7);
  context.lineTo(20, y);
  context.lineTo(14, y + 7);
  context.lineTo(0, y + 7);
  context.fill();
  context.fillStyle = theme.screen;
  context.font = `700 10px ${theme.mono}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(number), 8, y + 0.5);
}

function drawName(context, name, y, color, theme) {
  context.textAlign = "left";
  context.font = `11px ${theme.mono}`;
  const width = context.measureText(name).width;
  context.globalAlpha = 0.82;
  context.fillStyle = theme.screen;
  context.fillRect(24, y - 8, width + 8, 15);
  context.globalAlpha = 1;
  context.fillStyle = color;
  context.fillText(name, 28, y);
}

// Ten by eight divisions, each of five parts, ticked along the edges.
function drawGraticule(context, width, height, theme) {
  const [dx, dy] = [width / ACROSS, height / DOWN];
  const fine = range(ACROSS * 5).filter((n) => n % 5);
  context.lineWidth = 1;
  context.globalAlpha = 0.55;
  strokeAll(
    context,
    theme.grid,
    fine.map((n) => [(n * dx) / 5, 0, (n * dx) / 5, height]),
  );
  context.globalAlpha = 1;
  const vertical = range(ACROSS).map((n) => [n * dx, 0, n * dx, height]);
  const horizontal = range(DOWN).map((n) => [0, n * dy, width, n * dy]);
  strokeAll(context, theme["grid-2"], [...vertical, ...horizontal]);
  context.globalAlpha = 0.5;
  strokeAll(context, theme["ink-3"], [...edgeTicks(dx, dy, width, height)]);
  context.globalAlpha = 1;
}

const range = (end) => Array.from({ length: end - 1 }, (_, n) => n + 1);

function* edgeTicks(dx, dy, width, height) {
  for (const n of range(ACROSS * 5)) {
    const [x, length] = [(n * dx) / 5, n % 5 ? 3 : 6];
    yield [x, height, x, height - length];
    yield [x, 0, x, length];
  }
  for (const n of range(DOWN * 5)) {
    const [y, length] = [(n * dy) / 5, n % 5 ? 3 : 6];
    yield [0, y, length, y];
    yield [width, y, width - length, y];
  }
}

function strokeAll(context, color, lines) {
  const crisp = (value) => Math.round(value) + 0.5;
  context.strokeStyle = color;
  context.beginPath();
  for (const [x1, y1, x2, y2] of lines) {
    context.moveTo(x1 === x2 ? crisp(x1) : x1, y1 === y2 ? crisp(y1) : y1);
    context.lineTo(x1 === x2 ? crisp(x2) : x2, y1 === y2 ? crisp(y2) : y2);
  }
  context.stroke();
}
