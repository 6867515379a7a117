// "Guess first": the pad of an experiment's page, its buttons, and the cover over a run that nobody guessed.
import { $, ask } from "../page.js";
import { to } from "../place.js";
import { t } from "../words.js";
import { BarsPad } from "./bars.js";
import { ChoicePad } from "./choice.js";
import { Guess } from "./guess.js";
import { LinePad } from "./line.js";
import { Memory } from "./memory.js";
import { NumberPad } from "./number.js";
import { state } from "./says.js";

const PADS = { line: LinePad, bars: BarsPad, number: NumberPad, choice: ChoicePad };
const PAUSE_MS = 200; // after a change of a parameter, before the pad is asked for

export class Guessing {
  // `onshown` is called when a covered run may be looked at.
  constructor(section, experiment, values, onshown) {
    Object.assign(this, { section, experiment, onshown });
    this.memory = new Memory(experiment, () => sessionStorage, () => localStorage);
    this.asked = query(values);
    this.run = null; // the covered one
    this.went = false; // whether the guess, as it stands, is that of the run on the page
    this.mount(new Guess(JSON.parse(section.dataset.pad), this.memory.kept));
    $("#guess-lock").addEventListener("click", () => this.lock());
    $("#guess-skip").addEventListener("click", () => this.skip());
    $("#guess-clear").addEventListener("click", () => this.startOver());
  }

  mount(guess) {
    this.pad?.destroy();
    this.guess = guess;
    this.pad = new PADS[guess.pad.kind]($("#pad"), guess, () => this.changed());
    this.tell();
  }

  changed() {
    this.went = false;
    this.memory.kept = this.guess.kept();
    this.tell();
  }

  tell() {
    const { guess, memory } = this;
    const { isCovered } = this;
    const told = state(guess, { isCovered, went: this.went, known: memory.known });
    if ($("#guess-state").textContent !== told) {
      $("#guess-state").textContent = told;
    }
    $("#guess-lock").disabled = (guess.locked || this.went) && !isCovered;
    $("#guess-skip").hidden = (Boolean(memory.known) || guess.locked) && !isCovered;
    $("#guess-clear").hidden = isCovered || (!memory.known && guess.left.length === guess.keys.length);
  }

  // ---- the parameters

  // The form has changed: points may come or go. A covered run keeps the pad that it was started with.
  formChanged(values) {
    this.wanted = query(values);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PAUSE_MS);
  }

  async refresh() {
    clearTimeout(this.timer);
    const { wanted } = this;
    if (this.isCovered || wanted === undefined || wanted === this.asked) {
      return;
    }
    try {
      const answer = await ask("GET", to(`/api/experiments/${this.experiment}/guess?${wanted}`));
      this.take(await answer.json(), wanted);
    } catch {
      // a parameter that the server refuses: its own sentence comes when the run is ordered
    }
  }

  // Texts stay: the page has them in the reader's language.
  take(told, asked) {
    this.asked = asked;
    const { pad } = this.guess;
    const { ask: _, choices, labels, ...changed } = told;
    if (JSON.stringify({ ...pad, ...changed }) !== JSON.stringify(pad)) {
      this.mount(this.guess.moved({ ...pad, ...changed }));
      this.memory.kept = this.guess.kept();
    }
  }

  // ---- with a run

  // What goes with the run that is ordered now; null where there is no whole guess for its parameters.
  async given() {
    await this.refresh();
    const fits = this.wanted === undefined || this.wanted === this.asked;
    return fits ? this.guess.given() : null;
  }

  started(run, guessed) {
    this.went = Boolean(guessed);
    if (guessed) {
      this.memory.known = "guessed";
    }
    if (!guessed && !this.memory.known) {
      this.cover(run);
    } else if (this.isCovered) {
      this.lift(); // the earlier run stays covered for who comes back to it
    }
    this.tell();
  }

  // The page shows this run, or null for none: is it one that waits for a guess?
  shows(run) {
    if (this.isCovered) {
      this.lift();
    }
    if (!run) {
      this.went = false;
      this.tell();
    } else if (this.memory.isCovered(run.id) && !run.guess && run.state !== "failed") {
      this.cover(run.id);
    } else {
      this.memory.cover(run.id, false);
      document.documentElement.removeAttribute("data-covered");
      this.went = isSame(run.guess?.points, this.guess.given());
      this.tell();
    }
  }

  // The page is another one now: the pad that this one has, for the parameters of its form.
  become(fresh, values) {
    clearTimeout(this.timer);
    this.wanted = query(values);
    this.take(JSON.parse($("#guess", fresh).dataset.pad), this.wanted);
  }

  // What failed has no result to cover, and must say why.
  ended(run) {
    if (this.isCovered && run.state === "failed") {
      this.memory.cover(this.run, false);
      this.lift();
    }
  }

  get isCovered() {
    return this.run !== null;
  }

  cover(run) {
    this.run = run;
    this.memory.cover(run, true);
    document.documentElement.setAttribute("data-covered", "");
    $("#veil-pad").append($("#guess-body"));
    this.place(true);
    this.tell();
    const { top, bottom } = $("#veil .sheet").getBoundingClientRect();
    if (bottom < 0 || top > innerHeight * 0.6) {
      $("#veil").scrollIntoView();
    }
  }

  // Nothing of the run was in the page's tree of words meanwhile: those who listen are led to it.
  uncover() {
    this.memory.cover(this.run, false);
    this.lift();
    this.onshown();
  }

  lift() {
    this.run = null;
    document.documentElement.removeAttribute("data-covered");
    $("#guess-away").before($("#guess-body"));
    this.place(false);
    this.tell();
  }

  place(covered) {
    for (const id of ["veil", "covered-verdict", "guess-away"]) {
      $(`#${id}`).hidden = !covered;
    }
  }

  // ---- the buttons

  async lock() {
    if (!this.guess.lock()) {
      this.tell();
      $("#pad input").focus();
      return;
    }
    this.pad.update();
    this.changed();
    if (this.isCovered) {
      await this.send();
    }
  }

  async send() {
    if (this.isSending) {
      return; // the second press of a double click
    }
    this.isSending = true;
    try {
      if (!document.body.classList.contains("watching")) {
        await ask("PUT", to(`/api/runs/${this.run}/guess`), this.guess.given());
      } // whoever only watches guesses for themselves: the run is not theirs
      this.memory.known = "guessed";
      this.went = true;
      this.uncover();
    } catch (error) {
      $("#guess-state").textContent = error.message;
    } finally {
      this.isSending = false;
    }
  }

  skip() {
    this.memory.known = "skipped";
    if (this.isCovered) {
      this.uncover();
    }
    this.tell();
  }

  // As if nobody had guessed here: the next person may.
  startOver() {
    this.memory.known = "";
    this.guess.clear();
    this.changed();
    this.pad.update();
    (this.pad.handles?.[0].element ?? this.pad.radios[0]).focus();
  }
}

const isSame = (a, b) => Boolean(a && b) && Object.keys(b).every((key) => a[key] === b[key]);

const query = (values) => new URLSearchParams(values).toString();

// An experiment without a guess covers nothing.
const NOTHING = {
  isCovered: false,
  formChanged() {},
  given: async () => null,
  started() {},
  ended() {},
  become() {},
  shows() {},
};

export function guessing(experiment, values, onshown) {
  const section = $("#guess");
  return section ? new Guessing(section, experiment, values, onshown) : NOTHING;
}
