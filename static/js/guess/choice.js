// One of several answers: the page's own radio buttons.
import { $$ } from "../page.js";

export class ChoicePad {
  constructor(host, guess, told) {
    Object.assign(this, { host, guess, told });
    this.radios = $$("input", host);
    this.changed = (event) => {
      this.guess.put(guess.keys[0], event.target.value);
      this.told();
    };
    host.addEventListener("change", this.changed);
    this.update();
  }

  update() {
    const chosen = this.guess.values[this.guess.keys[0]];
    this.radios.forEach((radio) => (radio.checked = radio.value === chosen));
  }

  destroy() {
    this.host.removeEventListener("change", this.changed);
  }
}
