// The parameters as they stand on a slide, for a reload of this tab.
import { $ } from "../page.js";

const key = () => `form:${location.pathname}`;
const isParameter = ({ name }) => name && name !== "preset" && !name.startsWith("guess."); // the pad keeps its own
const inputs = () => [...$("#form").elements].filter(isParameter);
const isBox = ({ type }) => type === "checkbox" || type === "radio";

// Call it when the page goes away.
export function keepForm(isPresenting) {
  const values = inputs().map((input) => (isBox(input) ? input.checked : input.value));
  try {
    if (isPresenting) {
      sessionStorage.setItem(key(), JSON.stringify(values));
    } else {
      sessionStorage.removeItem(key());
    }
  } catch {
    // storage can be forbidden: then a reload begins with what the address says
  }
}

// The form has the same inputs in the same order as when it was kept, or nothing is put back.
export function restoreForm() {
  const values = kept();
  const known = inputs();
  if (values?.length !== known.length) {
    return;
  }
  known.forEach((input, n) => (input[isBox(input) ? "checked" : "value"] = values[n]));
  $("#form").dispatchEvent(new Event("input", { bubbles: true }));
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(key()));
  } catch {
    return null;
  }
}
