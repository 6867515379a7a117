// A figure in its panel: the drawing, its legend, its tools, and the same as a table.
import { $, $$, element } from "./page.js";
import { cell } from "./format.js";
import { isBlank } from "./figures/blank.js";
import { count, duration } from "./figures/units.js";
import { mount } from "./figures/index.js";
import { statesIn } from "./legend.js";
import { t } from "./words.js";

const TABLE_ROWS = 500;
const SHAPES = {
  table: "M1.5 3h13v10h-13zM1.5 6.5h13M1.5 9.8h13M6 3v10",
  down: "M8 2v8M4.8 7L8 10.2 11.2 7M2.5 13.5h11",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  out: "M3 8h10",
  in: "M3 8h10M8 3v10",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  all: "M2 4v8M14 4v8M4.5 8h7M6 6L4 8l2 2M10 6l2 2-2 2",
};
const ZOOMS = [
  ["out", t("Zoom out"), (drawing) => drawing.zoom(1.7)],
  ["in", t("Zoom in"), (drawing) => drawing.zoom(0.6)],
  ["left", t("Move left"), (drawing) => drawing.pan(-0.25)],
  ["right", t("Move right"), (drawing) => drawing.pan(0.25)],
  ["all", t("Show all"), (drawing) => drawing.reset()],
];

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export class Panel {
  constructor(section, spec, named) {
    this.section = section;
    this.named = named; // () → what a downloaded file is called
    this.host = $(".host", section);
    this.tools = $(".tools-row", section);
    this.table = $(".as-table", section);
    this.draw(spec);
    this.addTools();
  }

  // The figure as it is: the drawing keeps it and changes it with every patch.
  get spec() {
    return this.drawing.figure;
  }

  draw(spec) {
    this.drawing = mount(this.host, spec);
    this.drawing.onview?.((from, to) => {
      this.showView(from, to);
      this.onview?.(from, to); // of who links panels; not told of look
    });
    this.tell();
  }

  // Another run, or the same one after a gap: everything anew.
  show(spec) {
    this.drawing.destroy();
    this.draw(spec);
  }

  update(patch) {
    this.drawing.update(patch);
    this.tell();
  }

  redraw() {
    this.drawing.redraw();
  }

  // Show a stretch of a timeline because another panel does.
  look(from, to) {
    this.drawing.look(from, to);
    this.showView(from, to);
  }

  // How much of a timeline is in view.
  showView(from, to) {
    const { t0, t1 } = this.spec.layout;
    const all = to - from >= (t1 - t0) * 0.999;
    $(".view", this.section).textContent = all ? "" : t("{part} of {whole}", { part: duration(to - from), whole: duration(t1 - t0) });
  }

  // The words around the drawing. The table is filled only while it is shown.
  tell() {
    $("h2", this.section).textContent = this.spec.title;
    $(".summary", this.section).textContent = this.spec.summary;
    this.section.toggleAttribute("data-blank", isBlank(this.spec));
    this.showKeys();
    if (this.isTable) {
      this.fillTable();
    }
  }

  get isTable() {
    return this.table.classList.contains("shown");
  }

  showKeys() {
    const states = statesIn(this.spec);
    const known = states.map((state) => state.id).join();
    if (known === this.known) {
      return;
    }
    this.known = known;
    $(".keys", this.section).replaceChildren(...states.map(key));
  }

  addTools() {
    const buttons = [];
    if (this.drawing.zoom) {
      buttons.push(...ZOOMS.map(([shape, label, act]) => this.button(shape, label, () => act(this.drawing))));
    }
    if (this.spec.kind !== "cells") {
      buttons.push(this.tableButton(), this.download("svg"), this.download("png"), this.fullButton());
    }
    this.tools.replaceChildren(...buttons.filter(Boolean));
  }

  button(shape, label, act) {
    const made = element("button", { type: "button", class: "iconbtn", "aria-label": label, title: label }, icon(shape));
    made.addEventListener("click", act);
    return made;
  }

  tableButton() {
    const made = this.button("table", t("Show as table"), () => {
      const on = this.table.classList.toggle("shown");
      this.host.hidden = on;
      made.setAttribute("aria-pressed", on);
      if (on) {
        this.fillTable();
      } else {
        this.redraw();
      }
    });
    made.setAttribute("aria-pressed", "false");
    return made;
  }

  download(format) {
    const maker = format === "svg" ? "toSVG" : "toPNG";
    if (!this.drawing[maker]) {
      return null;
    }
    const label = t("Download as {format}", { format: format.toUpperCase() });
    const made = element("button", { type: "button", class: "iconbtn text", "aria-label": label, title: label }, format.toUpperCase());
    made.addEventListener("click", async () => {
      const picture = await this.drawing[maker]();
      const blob = typeof picture === "string" ? new Blob([picture], { type: "image/svg+xml" }) : picture;
      save(blob, `${this.named()}-${this.spec.id}.${format}`);
    });
    return made;
  }

  fullButton() {
    if (!document.fullscreenEnabled) {
      return null;
    }
    return this.button("full", t("Full screen"), () => {
      if (document.fullscreenElement) {
        document.exitFullscreen();
      } else {
        this.section.requestFullscreen();
      }
    });
  }

  fillTable() {
    const { columns, rows } = this.spec.table;
    if (!rows.length) {
      this.table.replaceChildren(element("p", { class: "more-rows" }, t("No rows.")));
      return;
    }
    const head = element("tr", {}, ...columns.map((column, n) => heading(column, rows[0][n])));
    const body = rows.slice(0, TABLE_ROWS).map((row) => element("tr", {}, ...row.map((value, n) => data(value, columns[n]))));
    const caption = element("caption", { class: "vh" }, this.spec.title);
    const made = element("table", { class: "data" }, caption, element("thead", {}, head), element("tbody", {}, ...body));
    const left = rows.length - TABLE_ROWS;
    const more = element("p", { class: "more-rows" }, t("And {n} more rows; the files below have all of them.", { n: count(left) }));
    this.table.replaceChildren(made, ...(left > 0 ? [more] : []));
  }
}

const isWord = (value) => typeof value === "string";

// "ready_s" is "ready": every cell has its unit.
const inWords = (name) => name.replace(/(^|_)per_s$/, "$1per_second").replace(/_(s|ms|us|ns|b|mib|hz)$/, "").replaceAll("_", " ");

function heading(column, sample) {
  const attributes = { scope: "col", class: isWord(sample) ? "word" : "", title: column.help ?? "" };
  return element("th", attributes, inWords(column.name));
}

function data(value, column) {
  return element("td", { class: isWord(value) ? "word" : "" }, cell(value, column.unit));
}

function key(state) {
  const made = element("span", { class: state.hatch ? "key hatch" : "key" }, element("i"), state.label);
  made.style.setProperty("--c", `var(--st-${state.id})`);
  made.style.setProperty("--h", state.height);
  return made;
}

export function panels(specs, named) {
  const found = new Map();
  for (const spec of specs) {
    const section = $$("[data-figure]").find((candidate) => candidate.dataset.figure === spec.id);
    if (section) {
      found.set(spec.id, new Panel(section, spec, named));
    }
  }
  return found;
}
