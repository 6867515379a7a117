// Bars that are parts of one whole: whatever is set, they add up. Pure.

// Equal parts, in whole steps: where nobody has said anything yet.
export function equal(count, whole, step) {
  return asValues(deal(units(whole, step), Array(count).fill(1)), step);
}

// The parts once one of them is `value`. Those that nobody set make room or take the rest, as long as
// they can; only then those that were set, in proportion to what they are.
export function share(parts, at, value, { whole, step, isSet }) {
  const total = units(whole, step);
  const now = parts.map((part) => units(part, step));
  const wanted = Math.min(total, Math.max(0, units(value, step)));
  const others = parts.map((_, n) => n).filter((n) => n !== at);
  const fixed = others.filter((n) => isSet[n]);
  const free = others.filter((n) => !isSet[n]);
  const rest = total - wanted;
  const held = sum(fixed.map((n) => now[n]));
  const kept = free.length ? Math.min(held, rest) : rest;
  const made = [...now];
  made[at] = wanted;
  deal(kept, weights(fixed.map((n) => now[n]))).forEach((part, n) => (made[fixed[n]] = part));
  deal(rest - kept, Array(free.length).fill(1)).forEach((part, n) => (made[free[n]] = part));
  return asValues(made, step);
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const units = (value, step) => Math.round(value / step);
const asValues = (parts, step) => parts.map((part) => Number((part * step).toPrecision(12)));
const weights = (numbers) => (sum(numbers) ? numbers : numbers.map(() => 1));

// Whole units by weight; what rounding leaves goes to the largest remainders.
function deal(total, weighted) {
  const all = sum(weighted);
  const exact = weighted.map((weight) => (total * weight) / all);
  const dealt = exact.map(Math.floor);
  const byRemainder = exact.map((_, n) => n).sort((a, b) => exact[b] - dealt[b] - (exact[a] - dealt[a]) || a - b);
  byRemainder.slice(0, total - sum(dealt)).forEach((n) => (dealt[n] += 1));
  return dealt;
}
