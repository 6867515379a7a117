// A sample of the machine as one value a channel of the scope. Pure.

// A core's share: all that it did, and what the host took from it; null where the system does not tell.
const busy = ({ user, system, steal }) => (user === null || system === null ? null : Math.min(1, user + system + (steal ?? 0)));

const mean = (values) =>
  values.length && !values.includes(null) ? values.reduce((sum, value) => sum + value, 0) / values.length : null;

const READ = {
  cores: (sample, { first, end }) => mean((sample.cores ?? []).slice(first, end).map(busy)),
  runnable: (sample) => sample.runnable,
  switches: (sample) => sample.switches_s,
};

export function valuesOf(sample, channels) {
  return channels.map((channel) => READ[channel.kind](sample, channel));
}

const STEPS = [1, 2, 5];

// The end of a scale that holds a value: 1, 2 or 5 times a power of ten.
export function niceEnd(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  const factor = STEPS.find((step) => step * power >= value);
  return factor ? factor * power : 10 * power;
}

// Scales itself to what was seen lately: up at once, down only when most of it is empty.
export class AutoScale {
  constructor(least, remembered = 200) {
    this.least = least;
    this.remembered = remembered;
    this.seen = [];
    this.end = least;
  }

  take(value) {
    if (value === null) {
      return this.end;
    }
    this.seen.push(value);
    if (this.seen.length > this.remembered) {
      this.seen.shift();
    }
    const fitting = Math.max(this.least, niceEnd(Math.max(...this.seen)));
    if (fitting > this.end || fitting * 2.5 <= this.end) {
      this.end = fitting;
    }
    return this.end;
  }
}
