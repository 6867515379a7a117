// What the ticks of the history add up to: whether these runs can be compared, and what is said of them. Pure.
import { count, t } from "./words.js";

const MOST = 4; // of runs side by side

// `experiments` are those of the ticked runs. One run alone leads to a choice of others.
export function ticks(experiments) {
  const n = experiments.length;
  if (n === 0) {
    return { ok: false, says: t("Tick two to four runs of one experiment.") };
  }
  if (new Set(experiments).size > 1) {
    return { ok: false, says: t("The ticked runs are of different experiments.") };
  }
  if (n > MOST) {
    return { ok: false, says: t("Four runs at most stand side by side.") };
  }
  return { ok: true, says: count(n, "{n} run is ticked", "{n} runs are ticked") };
}
