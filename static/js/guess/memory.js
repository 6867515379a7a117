// What this browser remembers of guessing: the guess of an experiment and the runs that are covered
// for as long as the tab is open, and longer that somebody has guessed or skipped here.

// `tab` and `browser` give Storages, or whatever acts like one.
export class Memory {
  constructor(experiment, tab, browser) {
    Object.assign(this, { experiment, tab: sturdy(tab), browser: sturdy(browser) });
  }

  get kept() {
    try {
      return JSON.parse(this.tab.read(`guess:${this.experiment}`)) ?? {};
    } catch {
      return {}; // somebody else's text
    }
  }

  set kept(kept) {
    this.tab.write(`guess:${this.experiment}`, JSON.stringify(kept));
  }

  // "guessed", "skipped" or "": whether results may show at once.
  get known() {
    return this.browser.read(`guessed:${this.experiment}`) ?? "";
  }

  set known(word) {
    this.browser.write(`guessed:${this.experiment}`, word);
  }

  isCovered(run) {
    return Boolean(this.tab.read(`covered:${run}`));
  }

  cover(run, on) {
    this.tab.write(`covered:${run}`, on ? "yes" : "");
  }
}

// Storage can be forbidden or full: then the page remembers for as long as it is there.
function sturdy(storage) {
  const spare = new Map();
  return {
    read(key) {
      try {
        return spare.get(key) ?? storage().getItem(key);
      } catch {
        return null;
      }
    },
    write(key, text) {
      spare.delete(key);
      try {
        if (text) {
          storage().setItem(key, text);
        } else {
          storage().removeItem(key);
        }
      } catch {
        spare.set(key, text);
      }
    },
  };
}
