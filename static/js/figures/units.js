// Numbers as a reader says them: 1.52×, 48 %, 3.5 µs, 64 KiB, 11 412. The same rules as
// experiments/kit/sentences.py; tests/golden/numbers.json holds both to them.

const NARROW = "\u00a0";
const THIN = "\u2009";
const SECONDS = { s: 1, ms: 1e-3, µs: 1e-6, ns: 1e-9 };
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];
const PAST_A_TIE = 21; // digits: a double that is no tie differs from it in one of them

// So many digits behind the point, or whole tens and hundreds for −1 and −2. A tie goes to the even
// neighbour, as in Python; `toFixed` alone rounds it away from zero. Nothing reads as −0.
export function fixed(value, digits) {
  if (digits < 0) {
    return String(Number(fixed(value * 10 ** digits, 0)) * 10 ** -digits);
  }
  const text = isTie(value, digits) ? evenNeighbour(value, digits) : value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

const isTie = (value, digits) => /50{20}$/.test(value.toFixed(Math.min(100, digits + PAST_A_TIE)));

function evenNeighbour(value, digits) {
  const away = value.toFixed(digits);
  const isEven = "02468".includes(away.at(-1));
  return isEven ? away : (value - (Math.sign(value) * 10 ** -digits) / 2).toFixed(digits);
}

const powerOf = (value) => Number(value.toExponential().split("e")[1]);

// Without an exponent: 4180, 78.5, 5.13, 0.42, 0.003.
export function significant(value, digits = 3) {
  if (value === 0) {
    return "0";
  }
  const rounded = Number(fixed(value, digits - 1 - powerOf(value)));
  const first = powerOf(rounded);
  return fixed(rounded, Math.max(0, digits - 1 - Math.max(first, 0), -first));
}

const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

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
  return `${fixed(share * 100, digits)}${NARROW}%`;
}

export function size(bytes) {
  let power = 0;
  while (Math.abs(bytes) >= 1024 && power < SIZES.length - 1) {
    bytes /= 1024;
    power += 1;
  }
  return `${trimmed(significant(bytes))}${NARROW}${SIZES[power]}`;
}

// A whole number in groups of three digits.
export function count(value) {
  return fixed(value, 0).replace(/\B(?=(\d{3})+$)/g, THIN);
}

// A number that has no unit: 11 412, 4, 0.25.
export function plain(value) {
  return Math.abs(value) >= 999.5 ? count(value) : trimmed(significant(value));
}

export function number(value, unit = "") {
  if (unit === "×") {
    return `${fixed(value, 2)}×`;
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
  return unit ? `${plain(value)}${NARROW}${unit}` : plain(value);
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
  const text = fixed(seconds * factor, digits);
  return `${Number(text) === 0 ? "0" : text}${NARROW}${unit}`;
}
