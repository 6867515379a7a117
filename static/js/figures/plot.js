// Result charts by Plotly. Its script comes from this server, when the first chart asks for it.
import { GAP } from "./bars.js";
import { dress } from "./plotting.js";
import { css, resolve, tokensOf } from "./roles.js";
import { measurer } from "./svg.js";
import { t as say } from "../words.js";

const EVERY_MS = 200; // at most five drawings a second: each costs a core several milliseconds
const HEIGHT = 318;
const EXPORT = { width: 1000, height: 500 };
const TITLE_HEIGHT = 36; // of a file
const KEY_HEIGHT = 24;
const CONFIG = {
  displaylogo: false,
  displayModeBar: false,
  showSendToCloud: false, // the default bar offers to upload the chart
  plotlyServerURL: "",
  topojsonURL: "",
  responsive: false,
  doubleClick: "reset",
};

let loading = null;

function address() {
  const meta = document.querySelector('meta[name="oscope-plotly"]');
  return document.documentElement.dataset.plotly ?? meta?.content;
}

function load() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address();
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error(`${script.src} did not load`));
    document.head.append(script);
  });
  return loading;
}

export class Plot {
  constructor(host, figure) {
    this.host = host;
    this.figure = figure;
    this.drawnAt = -Infinity;
    this.chart = document.createElement("div");
    this.chart.className = "plot";
    this.chart.setAttribute("role", "img");
    this.key = document.createElement("p");
    this.key.className = "plot-key";
    host.classList.add("plot-host");
    host.append(this.chart, this.key);
    this.resizing = new ResizeObserver(() => this.resized());
    this.resizing.observe(host);
    this.update();
  }

  update() {
    this.chart.setAttribute("aria-label", this.figure.summary);
    if (!this.waiting) {
      const wait = Math.max(0, this.drawnAt + EVERY_MS - performance.now());
      this.waiting = setTimeout(() => this.draw(), wait);
    }
  }

  resized() {
    if (this.host.clientWidth !== this.width) {
      this.update();
    }
  }

  async draw() {
    try {
      const plotly = await load();
      this.waiting = null;
      this.width = this.host.clientWidth;
      if (this.width < 60 || this.gone) {
        return; // hidden; the next resize draws
      }
      this.drawnAt = performance.now();
      const { data, layout } = this.dressed(this.width);
      await plotly.react(this.chart, data, layout, CONFIG);
    } catch (error) {
      this.key.textContent = say("This chart could not be drawn ({error}). The table has its numbers.", {
        error: error.message,
      });
    }
  }

  dressed(width) {
    const token = tokensOf(this.host);
    const larger = parseFloat(token("--plot-letters")) || 1; // on a slide
    const font = (parseFloat(getComputedStyle(document.documentElement).fontSize) / 16) * larger;
    const measure = measurer(token);
    const given = { width, measure, font };
    const { key, least } = dress(this.figure, { ...given, height: HEIGHT });
    this.showKey(key);
    const made = dress(this.figure, { ...given, height: this.height(least) });
    const layout = { ...made.layout, template: template(token, font) };
    return { data: resolve(made.data, token), layout: resolve(layout, token) };
  }

  // What the host reserves, less the key: the chart does not push the page around, unless it needs more.
  height(least) {
    this.chart.style.height = "0";
    const free = this.host.clientHeight - this.key.offsetHeight;
    const height = Math.max(220, least, free || HEIGHT);
    this.chart.style.height = `${height}px`;
    return height;
  }

  showKey(entries) {
    const known = JSON.stringify(entries);
    if (known !== this.known) {
      this.known = known;
      this.key.replaceChildren(...entries.map(keyEntry));
    }
  }

  async picture(format, { titled = true, ...size }) {
    const plotly = await load();
    const token = tokensOf(this.host);
    const { data, layout, key } = dress(this.figure, { ...size, measure: measurer(token) });
    const font = size.font ?? 1;
    const ground = { template: template(token, font), paper_bgcolor: "$screen", plot_bgcolor: "$screen" };
    Object.assign(ground, heading(titled ? this.figure.title : "", layout, key.length > 0, font, token));
    const figure = {
      data: resolve(data, token),
      layout: resolve({ ...layout, ...ground }, token),
      config: CONFIG,
    };
    return plotly.toImage(figure, { format, ...size, scale: format === "png" ? 2 : 1 });
  }

  async toSVG(size = EXPORT) {
    const url = await this.picture("svg", size);
    return decodeURIComponent(url.slice(url.indexOf(",") + 1));
  }

  async toPNG(size = EXPORT) {
    return fromDataUrl(await this.picture("png", size));
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.waiting);
    this.resizing.disconnect();
    window.Plotly?.purge(this.chart);
    this.host.classList.remove("plot-host");
    this.host.replaceChildren();
  }
}

// A file has no panel around it: the title goes into the picture, and the key of grouped bars too.
function heading(title, { margin, height }, keyed, font, token) {
  const place = { xref: "container", x: 0.014, xanchor: "left", yref: "container", yanchor: "top" };
  const above = title ? TITLE_HEIGHT : 0;
  return {
    title: { text: title, font: { family: token("--serif"), size: 19, color: "$ink" }, ...place, y: 0.985 },
    margin: { ...margin, t: margin.t + above + (keyed ? KEY_HEIGHT * font : 0) },
    showlegend: keyed,
    legend: { orientation: "h", ...place, y: 1 - above / height },
  };
}

function keyEntry({ text, color, dash, pattern, guess }) {
  const entry = document.createElement("span");
  entry.className = guess ? "plot-guess" : pattern === undefined ? "plot-line" : "plot-bar";
  entry.dataset.look = guess || pattern || dash || "plain";
  entry.style.setProperty("--c", css(color));
  entry.append(document.createElement("i"), text);
  return entry;
}

function fromDataUrl(url) {
  const [head, body] = url.split(",");
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: /:(.*?);/.exec(head)[1] });
}

// How every chart looks. Roles here too: they take their values with the figure's own.
function template(token, font) {
  const axis = {
    gridcolor: "$grid-2",
    gridwidth: 1,
    zeroline: false,
    linecolor: "$ink-3",
    linewidth: 1,
    ticks: "outside",
    ticklen: 4,
    tickcolor: "$ink-3",
    tickfont: { family: token("--mono"), size: 11.5 * font, color: "$ink-2" },
    title: { font: { family: token("--sans"), size: 12.5 * font, color: "$ink-2" } },
  };
  const hover = { family: token("--mono"), size: 12 * font, color: "$paper" };
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: token("--sans"), size: 13 * font, color: "$ink" },
      xaxis: { ...axis, showgrid: false },
      yaxis: axis,
      hoverlabel: { bgcolor: "$ink", bordercolor: "$ink", font: hover },
      hovermode: "x",
      bargap: GAP,
      showlegend: false,
    },
  };
}
