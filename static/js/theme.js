// Light, dark or what the system says. A classic script in <head>, so that the first paint is right.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const following = { auto: "light", light: "dark", dark: "auto" };

  function stored() {
    try {
      return following[localStorage.getItem("theme")] ? localStorage.getItem("theme") : "auto";
    } catch {
      return "auto"; // storage can be forbidden; the choice then lasts as long as the page
    }
  }

  let mode = stored();
  let onPaper = false; // a printer leaves the background out: light letters would be on white paper

  function apply() {
    const dark = !onPaper && (mode === "dark" || (mode === "auto" && system.matches));
    root.dataset.theme = dark ? "dark" : "light";
    document.dispatchEvent(new Event("themechange"));
  }

  // The button brings its words in the language of the page: this script runs before there is a page.
  function label(button) {
    const name = button.dataset[mode];
    button.querySelector(".lbl").textContent = name[0].toUpperCase() + name.slice(1);
    button.setAttribute("aria-label", button.dataset.label.replace("{mode}", name));
  }

  function next(button) {
    mode = following[mode];
    try {
      localStorage.setItem("theme", mode);
    } catch {
      // as above
    }
    apply();
    label(button);
  }

  root.classList.add("js");
  apply();
  system.addEventListener("change", apply);
  for (const [event, on] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => {
      onPaper = on;
      apply();
    });
  }
  addEventListener("storage", (event) => {
    if (event.key === "theme") {
      mode = stored();
      apply();
      label(document.getElementById("theme"));
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    label(button);
    button.addEventListener("click", () => next(button));
  });
})();
