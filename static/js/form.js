// The form of an experiment as values: presets, sliders, and the command line that does the same. Pure.

const STEPS = 1000; // of a slider

// Wide ranges are set on a logarithmic scale, so that 1 to 4194304 can be dialled at all.
const isWide = (field) => field.low > 0 && field.high / field.low >= 100;

export function toSlider(field, value) {
  const { low, high } = field;
  if (low === high) {
    return 0;
  }
  const share = isWide(field) ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.round(Math.min(1, Math.max(0, share)) * STEPS);
}

export function fromSlider(field, position) {
  const { low, high } = field;
  if (low === high) {
    return low;
  }
  const share = position / STEPS;
  const exact = isWide(field) ? low * (high / low) ** share : low + share * (high - low);
  return Math.min(high, Math.max(low, round(field, exact)));
}

// Two digits are enough for what a hand dials; the ends stay exact.
function round(field, exact) {
  const span = isWide(field) ? exact : field.high - field.low;
  const digits = Math.floor(Math.log10(span)) - (isWide(field) ? 1 : 2);
  const step = field.type === "int" ? Math.max(1, 10 ** digits) : 10 ** digits;
  return Number((Math.round(exact / step) * step).toPrecision(12));
}

export function defaults(experiment) {
  return Object.fromEntries(experiment.params.map((field) => [field.name, field.default]));
}

export function ofPreset(experiment, preset) {
  return { ...defaults(experiment), ...experiment.presets[preset] };
}

const isSame = (a, b) => Object.keys(a).every((name) => a[name] === b[name]);

// The preset that has just these values: "" for the defaults, null for none.
export function presetOf(experiment, values) {
  if (isSame(defaults(experiment), values)) {
    return "";
  }
  const found = Object.keys(experiment.presets).find((name) => isSame(ofPreset(experiment, name), values));
  return found ?? null;
}

// Must agree with `command_line` in app/catalogue/catalogue.py.
export function commandLine(experiment, values, python = "") {
  const words = ["oscope run", experiment.name];
  for (const field of experiment.params) {
    const value = values[field.name];
    if (value !== field.default) {
      words.push(`--${field.name.replaceAll("_", "-")} ${asWord(value)}`);
    }
  }
  return words.concat(python ? [`--python ${python}`] : []).join(" ");
}

// A value as the command line takes it: every digit, and no exponent.
export function asWord(value) {
  const [digits, power] = String(value).split("e-");
  return power && typeof value === "number"
    ? value.toFixed(Number(power) + (digits.split(".")[1] ?? "").length)
    : String(value);
}

// The run that an address of ours names; null where it names none.
export const runIn = (path) => /^\/runs\/([0-9a-f]{10})$/.exec(path)?.[1] ?? null;
