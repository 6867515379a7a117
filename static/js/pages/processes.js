// All processes, live: cells change in place, rows come and go, and keep the order that was asked for.
import { $, $$, connect, element, embedded, setQuiet } from "../page.js";
import { count, percent, size } from "../figures/units.js";
import { to } from "../place.js";
import { t } from "../words.js";

const BUSY = 0.5; // of a core
const { users, states } = embedded();
const table = $("#processes");
const body = $("tbody", table);
const rows = new Map($$("tr", body).map((tr) => [Number(tr.dataset.pid), { tr, values: null }]));

// What a column shows, and what it is sorted by.
const COLUMNS = {
  pid: { of: (row) => row.pid, say: String, ascending: true },
  name: { of: (row) => row.name, say: String, ascending: true },
  user: { of: (row) => users[row.uid] ?? String(row.uid ?? "–"), say: String, ascending: true },
  state: { of: (row) => states[row.state] ?? row.state, say: String, ascending: true },
  threads: { of: (row) => row.threads, say: String },
  cpu: { of: (row) => row.cpu ?? -1, say: (value) => (value < 0 ? "–" : percent(value)) },
  memory: { of: (row) => row.resident_b, say: size },
  switches: { of: (row) => row.switches_s ?? -1, say: (value) => (value < 0 ? "–" : count(value)) },
  core: { of: (row) => row.core, say: String, ascending: true },
};
const KEYS = Object.keys(COLUMNS);
const order = { key: "cpu", ascending: false };

// ---- rows

function take({ quiet, columns, rows: sent }) {
  setQuiet(quiet);
  const there = new Set();
  for (const values of sent) {
    const row = Object.fromEntries(columns.map((name, n) => [name, values[n]]));
    there.add(row.pid);
    show(row);
  }
  for (const [pid, { tr }] of rows) {
    if (!there.has(pid)) {
      tr.remove();
      rows.delete(pid);
    }
  }
  filter();
  if (!table.matches(":hover") && !body.contains(document.activeElement)) {
    sort(); // never under somebody's finger
  }
}

function show(row) {
  const known = rows.get(row.pid) ?? added(row.pid);
  const values = KEYS.map((key) => COLUMNS[key].of(row));
  values.forEach((value, n) => {
    if (!known.values || known.values[n] !== value) {
      const cell = n ? known.tr.cells[n] : known.tr.cells[0].firstChild;
      cell.textContent = COLUMNS[KEYS[n]].say(value);
    }
  });
  known.tr.cells[KEYS.indexOf("cpu")].classList.toggle("busy", row.cpu >= BUSY);
  known.values = values;
}

function added(pid) {
  const words = ["", "word", "word", "word", "", "", "", "", ""];
  const cells = words.map((kind, n) => element("td", { class: kind }, ...(n ? [] : [element("a", { href: to(`/processes/${pid}`) })])));
  const known = { tr: element("tr", { "data-pid": pid }, ...cells), values: null };
  body.append(known.tr);
  rows.set(pid, known);
  return known;
}

// ---- order

const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);

function sort() {
  const place = KEYS.indexOf(order.key);
  const sign = order.ascending ? 1 : -1;
  const all = [...rows.values()].filter(({ values }) => values);
  all.sort((a, b) => sign * compare(a.values[place], b.values[place]) || a.values[0] - b.values[0]);
  let next = body.firstElementChild;
  for (const { tr } of all) {
    if (tr === next) {
      next = next.nextElementSibling;
    } else {
      body.insertBefore(tr, next);
    }
  }
}

for (const head of $$("th[data-key]", table)) {
  const { key } = head.dataset;
  const button = element("button", { type: "button" }, head.textContent);
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    order.ascending = order.key === key ? !order.ascending : Boolean(COLUMNS[key].ascending);
    order.key = key;
    tellOrder();
    sort();
  });
}

function tellOrder() {
  for (const head of $$("th[data-key]", table)) {
    if (head.dataset.key === order.key) {
      head.setAttribute("aria-sort", order.ascending ? "ascending" : "descending");
    } else {
      head.removeAttribute("aria-sort");
    }
  }
}

// ---- finding

function filter() {
  const wanted = $("#find").value.trim().toLowerCase();
  let shown = 0;
  for (const [pid, { tr, values }] of rows) {
    const text = values ? `${pid} ${values[1]} ${values[2]}` : tr.textContent;
    tr.hidden = wanted !== "" && !text.toLowerCase().includes(wanted);
    shown += tr.hidden ? 0 : 1;
  }
  $("#count").textContent = t("{shown} of {all}", { shown: count(shown), all: count(rows.size) });
  $("#none").hidden = shown > 0;
}

$("#find").addEventListener("input", filter);

tellOrder();
filter();
connect().follow("processes", { last: take });
