// Times, rates and cells of a table as a reader sees them. Pure; numbers with a unit are in figures/units.js.
import { count, fixed, number } from "./figures/units.js";
import { language, t } from "./words.js";

const NARROW = "\u00a0";

const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });

// A value in a table: "12.3 ms", "48 %", "yes", "–".
export function cell(value, unit) {
  if (value === null || value === undefined) {
    return "–";
  }
  if (typeof value === "boolean") {
    return value ? t("yes") : t("no");
  }
  return typeof value === "number" ? number(value, unit) : String(value);
}

// About how long: "7 s", "0.4 s", "3 min".
export function rough(seconds) {
  if (seconds >= 100) {
    return t("{n}\u00a0min", { n: count(seconds / 60) });
  }
  return seconds >= 0.95 ? `${count(seconds)}${NARROW}s` : `${fixed(Math.max(seconds, 0.1), 1)}${NARROW}s`;
}

const short = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

export function perSecond(rate) {
  return rate >= 1000 ? `${short.format(rate / 1000)}${NARROW}k/s` : `${whole.format(rate)}${NARROW}/s`;
}

const STEPS = [
  ["minute", 60],
  ["hour", 3600],
  ["day", 86400],
];

// "2 min. ago"; null where the date says it better.
export function ago(thenMs, nowMs) {
  const seconds = (nowMs - thenMs) / 1000;
  if (seconds < 45) {
    return t("just now");
  }
  if (seconds > 6.5 * 86400) {
    return null;
  }
  const [unit, size] = STEPS.findLast(([, size]) => seconds >= size * 0.75);
  return relative.format(-Math.max(1, Math.round(seconds / size)), unit);
}
