// The axis of a guess: values and their places, the steps that keys take, the marks. Pure.
import { niceStep, number, ticks } from "../figures/units.js";

const STEPS = 100; // of a linear axis, at least
const PAGE = 10; // steps
const PER_DECADE = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]; // even steps for a hand on a logarithmic axis
const MARKS = 5;

// Made of a pad's {low, high, log, unit}.
export class Scale {
  constructor({ low, high, log = false, unit = "" }) {
    Object.assign(this, { low, high, log, unit });
    this.step = log ? null : niceStep(high - low, STEPS);
    this.stops = log ? stops(low, high) : null;
  }

  // Where a value stands between both ends: 0 to 1.
  place(value) {
    const { low, high } = this;
    return this.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  }

  // The value at a place, as one that can be set.
  value(place) {
    const { low, high } = this;
    const share = Math.min(1, Math.max(0, place));
    return this.snap(this.log ? low * (high / low) ** share : low + share * (high - low));
  }

  snap(value) {
    const within = Math.min(this.high, Math.max(this.low, value));
    if (this.log) {
      return nearest(this.stops, within);
    }
    const stepped = clean(Math.round(within / this.step) * this.step);
    return Math.min(this.high, Math.max(this.low, stepped));
  }

  // Half way along the axis: it says nothing of what is likely.
  get middle() {
    return this.value(0.5);
  }

  move(value, steps) {
    if (!this.log) {
      return this.snap(value + steps * this.step);
    }
    const at = this.stops.indexOf(this.snap(value)) + steps;
    return this.stops[Math.min(this.stops.length - 1, Math.max(0, at))];
  }

  // What a key does to a value; null where it does nothing.
  key(value, key) {
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: PAGE, PageDown: -PAGE };
    const ends = { Home: this.low, End: this.high };
    return key in ends ? ends[key] : key in steps ? this.move(value, steps[key]) : null;
  }

  get marks() {
    if (!this.log) {
      return ticks(this.low, this.high, niceStep(this.high - this.low, MARKS)).map(clean);
    }
    return decades(this.low, this.high);
  }

  // With no more digits than a step has.
  say(value) {
    if (this.unit === "×") {
      return `${plain(value)}×`;
    }
    return this.unit === "share" ? `${plain(value * 100)}\u00a0%` : number(value, this.unit);
  }
}

const clean = (value) => Number(value.toPrecision(12));
const plain = (value) => String(Number(value.toPrecision(3)));

function nearest(stops, value) {
  const apart = stops.map((stop) => Math.abs(Math.log(stop / value)));
  return stops[apart.indexOf(Math.min(...apart))];
}

function stops(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    found.push(...PER_DECADE.map((digit) => clean(digit * 10 ** power)));
  }
  return [low, ...found.filter((stop) => stop > low && stop < high), high];
}

function decades(low, high) {
  const powers = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power += 1) {
    powers.push(clean(10 ** power));
  }
  const every = Math.ceil(powers.length / (MARKS + 2));
  return powers.length > 1 ? powers.filter((_, n) => n % every === 0) : [low, high];
}
