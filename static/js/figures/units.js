// Numbers as a reader says them: 1.52×, 48 %, 3.5 µs, 64 KiB, 11 412. The same words as app/figures/words.py.

const NARROW = "\u00a0";
const THIN = "\u2009";
const SECONDS = { s: 1, ms: 1e-3, µs: 1e-6, ns: 1e-9 };
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

// Without an exponent: 4180, 78.5, 5.13, 0.42.
export function significant(value, digits = 3) {
  if (value === 0) {
    return "0";
  }
  const rounded = Number(value.toPrecision(digits));
  const whole = Math.max(1, Math.floor(Math.log10(Math.abs(rounded))) + 1);
  return rounded.toFixed(Math.max(0, digits - whole));
}

export function duration(seconds) {
  const [factor, unit] = [
    [1, "s"],
    [1e3, "ms"],
    [1e6, "µs"],
  ].find(([factor, unit]) => Math.abs(seconds) * factor >= 0.9995 || unit === "µs");
  return `${significant(seconds * factor)}${NARROW}${unit}`;
}

export function percent(share) {
  const digits = Math.abs(share) > 0 && Math.abs(share) < 0.0995 ? 1 : 0;
  return `${(share * 100).toFixed(digits)}${NARROW}%`;
}

export function size(bytes) {
  let power = 0;
  while (Math.abs(bytes) >= 1024 && power < SIZES.length - 1) {
    bytes /= 1024;
    power += 1;
  }
  return `${Number(bytes.toPrecision(3))}${NARROW}${SIZES[power]}`;
}

export function count(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, THIN);
}

export function number(value, unit = "") {
  if (unit === "×") {
    return `${value.toFixed(2)}×`;
  }
  if (unit === "share") {
    return percent(value);
  }
  if (unit in SECONDS) {
    return duration(value * SECONDS[unit]);
  }
  if (unit === "B") {
    return size(value);
  }
  const plain = Math.abs(value) >= 1000 ? count(value) : String(Number(significant(value)));
  return unit ? `${plain}${NARROW}${unit}` : plain;
}

// The distance between ticks: 1, 2 or 5 times a power of ten, for about `target` of them.
export function niceStep(span, target) {
  const raw = span / target;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = raw / power;
  const nice = factor < 1.5 ? 1 : factor < 3.5 ? 2 : factor < 7.5 ? 5 : 10;
  return nice * power;
}

export function ticks(from, to, step) {
  const first = Math.ceil(from / step - 1e-6) + 0; // never −0
  const last = Math.floor(to / step + 1e-6);
  const places = [];
  for (let n = first; n <= last; n += 1) {
    places.push(n * step);
  }
  return places;
}

// A moment on an axis whose ticks are `step` apart: no more digits than tell two ticks apart.
export function moment(seconds, step) {
  const [factor, unit] = step >= 0.1 ? [1, "s"] : step >= 1e-4 ? [1e3, "ms"] : [1e6, "µs"];
  const digits = Math.max(0, -Math.floor(Math.log10(step * factor) + 1e-9));
  const text = (seconds * factor).toFixed(digits);
  return `${Number(text) === 0 ? "0" : text}${NARROW}${unit}`;
}
