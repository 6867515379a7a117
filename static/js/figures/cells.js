// A table of medians that fills while configurations finish; the larger the value, the deeper the shade.
import { css } from "./roles.js";
import { number } from "./units.js";

// Rows of cells: {label, role, cells: [{text, depth}]}; depth from 0 to 1, null where nothing is known. Pure.
export function layoutCells({ data, layout }) {
  const values = Object.values(layout.cells ?? {});
  const most = layout.most ?? Math.max(0, ...values); // of all the figures to one scale
  return data.map((row) => ({
    label: row.label,
    role: row.role,
    cells: layout.across.map((across) => {
      const value = layout.cells?.[`${row.id}|${across}`];
      const known = value !== undefined;
      return {
        text: known ? number(value, layout.unit) : "",
        depth: known && most ? Math.max(0, value) / most : known ? 0 : null,
      };
    }),
  }));
}

export class Cells {
  constructor(host, figure) {
    this.host = host;
    this.figure = figure;
    host.classList.add("cells-host");
    this.update();
  }

  update() {
    const { layout, title } = this.figure;
    const table = made("table", { class: "fig-cells" });
    table.append(made("caption", { class: "vh" }, title), head(layout), body(layoutCells(this.figure)));
    this.host.replaceChildren(table);
    this.host.toggleAttribute("tabindex", false);
    if (this.host.scrollWidth > this.host.clientWidth) {
      this.host.tabIndex = 0; // it scrolls, so that the keyboard must reach it
    }
  }

  destroy() {
    this.host.classList.remove("cells-host");
    this.host.replaceChildren();
  }
}

function made(tag, attributes = {}, text = "") {
  const node = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  node.textContent = text;
  return node;
}

function head({ across, across_title }) {
  const row = made("tr");
  row.append(made("td", { class: "across" }, across.length ? across_title : ""));
  row.append(...across.map((label) => made("th", { scope: "col" }, label)));
  const section = made("thead");
  section.append(row);
  return section;
}

function body(rows) {
  const section = made("tbody");
  section.append(...rows.map(line));
  return section;
}

function line({ label, role, cells }) {
  const row = made("tr");
  row.style.setProperty("--c", css(role));
  row.append(made("th", { scope: "row" }, label), ...cells.map(cell));
  return row;
}

function cell({ text, depth }) {
  const node = made("td", depth === null ? { class: "empty" } : {}, text);
  if (depth !== null) {
    node.style.setProperty("--q", depth.toFixed(3));
  }
  return node;
}
