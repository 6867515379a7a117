// A guess while it is being made: what is set, what is still to do, what of it stays. Pure.
import { equal, share } from "./parts.js";
import { Scale } from "./scale.js";

export class Guess {
  // `pad` is what the server tells of the experiment's guess for some parameters.
  constructor(pad, kept = {}) {
    this.pad = pad;
    this.scale = pad.kind === "choice" ? null : new Scale(pad);
    this.clear();
    this.keep(kept);
  }

  // Everything neutral again.
  clear() {
    this.locked = false;
    this.set = new Set();
    this.values = this.neutral();
  }

  neutral() {
    const { pad, scale } = this;
    if (!scale) {
      return {};
    }
    const parts = this.isWhole ? equal(pad.points.length, pad.whole, scale.step) : null;
    return Object.fromEntries(pad.points.map((point, n) => [point.key, parts ? parts[n] : scale.middle]));
  }

  get isWhole() {
    return this.pad.kind === "bars" && this.pad.whole !== null && this.pad.whole !== undefined;
  }

  get keys() {
    return this.pad.points.map((point) => point.key);
  }

  // Takes up what was set before, as far as the pad still asks for it.
  keep({ values = {}, set = [], locked = false }) {
    if (this.isWhole && !this.addsUp(values)) {
      return;
    }
    const fitting = this.keys.filter((key) => set.includes(key) && this.takes(values[key]));
    const taken = this.isWhole ? this.keys : fitting;
    taken.forEach((key) => (this.values[key] = values[key]));
    this.set = new Set(fitting);
    this.locked = locked && this.left.length === 0;
  }

  takes(value) {
    if (this.scale) {
      return Number.isFinite(value) && value >= this.scale.low && value <= this.scale.high;
    }
    return Object.hasOwn(this.pad.choices, value);
  }

  addsUp(values) {
    const total = this.keys.reduce((sum, key) => sum + (values[key] ?? NaN), 0);
    return Math.abs(total - this.pad.whole) < this.scale.step / 2;
  }

  isSet(key) {
    return this.locked || this.set.has(key);
  }

  // One point by hand. Where the parts add up, the last one follows from the others.
  put(key, value) {
    if (!this.scale) {
      this.values = { [key]: value };
    } else if (this.isWhole) {
      this.putPart(key, value);
    } else {
      this.values[key] = this.scale.snap(value);
    }
    this.set.add(key);
    const { left } = this;
    if (this.isWhole && left.length === 1) {
      this.set.add(left[0]);
    }
  }

  putPart(key, value) {
    const { keys, scale, pad } = this;
    const isSet = keys.map((other) => this.isSet(other));
    const parts = keys.map((other) => this.values[other]);
    const made = share(parts, keys.indexOf(key), scale.snap(value), { whole: pad.whole, step: scale.step, isSet });
    this.values = Object.fromEntries(keys.map((other, n) => [other, made[n]]));
  }

  // Said as it stands: what nobody moved counts too. A choice has to be made.
  lock() {
    this.locked = this.scale !== null || this.set.size > 0;
    if (this.locked) {
      this.keys.forEach((key) => this.set.add(key));
    }
    return this.locked;
  }

  // The keys still to be set.
  get left() {
    return this.keys.filter((key) => !this.set.has(key));
  }

  get isReady() {
    return this.locked || this.left.length === 0;
  }

  // What goes with a run; null while something is missing.
  given() {
    return this.isReady ? { ...this.values } : null;
  }

  // For the browser's memory.
  kept() {
    return { values: { ...this.values }, set: [...this.set], locked: this.locked };
  }

  // The same guess on a pad for other parameters.
  moved(pad) {
    return new Guess(pad, this.kept());
  }
}
