// What the pad says: names of points, values as they are spoken, what is still to do.
import { plain } from "../figures/units.js";
import { t } from "../words.js";

const FEW = 2; // points still to set that are named one by one

export const placeName = (pad, x) => t("at {x} {about}", { x: plain(x), about: pad.about ?? "" }).trim();

export function pointName(pad, { series, x }) {
  const name = pad.labels[series] ?? series;
  return x === null || x === undefined ? name : `${name} ${placeName(pad, x)}`;
}

export function spoken(scale, value) {
  if (scale.unit === "×") {
    return t("{n} times", { n: scale.say(value).slice(0, -1) });
  }
  return scale.unit === "share" ? t("{n} percent", { n: scale.say(value).slice(0, -2) }) : scale.say(value);
}

export function spokenHandle(guess, key) {
  const value = spoken(guess.scale, guess.values[key]);
  return guess.isSet(key) ? value : t("{value}, not set yet", { value });
}

export function state(guess, { isCovered, went, known }) {
  const { left, pad } = guess;
  if (went) {
    return t("Your guess went with this run.");
  }
  if (guess.locked && !isCovered) {
    return t("Locked in. It goes with the next run.");
  }
  if (guess.isReady) {
    return isCovered ? t("All set. Lock it in to see what was measured.") : t("All set. It goes with the next run.");
  }
  if (known === "skipped" && !isCovered && left.length === guess.keys.length) {
    return t("Skipped: the figures show at once.");
  }
  if (pad.kind === "choice") {
    return t("Choose an answer.");
  }
  if (guess.keys.length === 1) {
    return t("Not set yet.");
  }
  if (left.length === guess.keys.length || left.length > FEW) {
    return t("{n} points to set.", { n: left.length });
  }
  const names = pad.points.filter((point) => left.includes(point.key)).map((point) => pointName(pad, point));
  return t("Still to set: {names}.", { names: names.join(t(", ")) });
}
