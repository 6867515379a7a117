// What every page needs of the browser: its elements, its embedded state, its one socket and lamp.
import { Live } from "./live.js";
import { to } from "./place.js";
import { t } from "./words.js";

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// What the server says of a page, this one or one that was fetched.
export function embedded(within = document) {
  return JSON.parse($("#state", within).textContent);
}

const WORDS = {
  connecting: t("connecting"),
  live: t("live"),
  quiet: t("quiet bench"),
  lost: t("reconnecting"),
};

export function showLamp(state) {
  const lamp = $("#lamp");
  if (lamp.dataset.state !== state) {
    lamp.dataset.state = state;
    $("span", lamp).textContent = WORDS[state];
  }
}

// Quiet bench: while something is measured, nothing on the page moves by itself.
export function setQuiet(on) {
  document.documentElement.toggleAttribute("data-quiet", on);
  if ($("#lamp").dataset.state !== "lost") {
    showLamp(on ? "quiet" : "live");
  }
}

export const isQuiet = () => document.documentElement.hasAttribute("data-quiet");

// A tab nobody looks at needs no socket for long, but keeps it: a run may end meanwhile.
export function connect() {
  const world = {
    connect: () => new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}${to("/ws")}`),
    now: () => performance.now(),
    later: (action, ms) => setTimeout(action, ms),
    cancel: (handle) => clearTimeout(handle),
    random: Math.random,
  };
  const live = new Live(world, (state) => showLamp(state === "live" && isQuiet() ? "quiet" : state));
  addEventListener("online", () => live.hurry());
  addEventListener("pageshow", () => live.hurry());
  document.addEventListener("visibilitychange", () => document.hidden || live.hurry());
  return live;
}

// The server's sentence, or one of our own where no server answered.
export async function ask(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(t("The server does not answer. Is oscope still running?"));
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    const { status } = answer;
    throw Object.assign(new Error(told.detail ?? t("The server answered {status}.", { status })), { status });
  }
  return answer;
}

export async function fetchPage(path) {
  const answer = await ask("GET", path);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

export function showError(text) {
  const place = $("#error");
  place.textContent = text;
  place.hidden = !text;
}
