// The section "Take it with you": the card's preview, its copies and downloads, and links to copy.
import { $, $$, ask, element } from "./page.js";
import { t } from "./words.js";
import { asPng, compose } from "./card/card.js";

let panels = new Map();
let looking = null;
let composing = Promise.resolve();

// Call it when the page begins, and again whenever the server's part of the section was swapped in.
export function offerTake(figures) {
  panels = figures;
  looking?.disconnect();
  const canvas = $("#card");
  if (!canvas) {
    return;
  }
  looking = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && preview());
  looking.observe(canvas);
  $("#card-copy").addEventListener("click", copyCard);
  $$("[data-card-scale]").forEach((button) =>
    button.addEventListener("click", () => saveCard(Number(button.dataset.cardScale))),
  );
  $("#link-copy").addEventListener("click", ({ currentTarget }) => copyText(linkOf(currentTarget)));
  $("#markdown-copy").addEventListener("click", ({ currentTarget }) => copyMarkdown(currentTarget.dataset.from));
  $("#card-command-copy").addEventListener("click", () => copyText($("#card-command").textContent));
}

const facts = () => JSON.parse($("#card-facts").textContent);
const linkOf = (button) => new URL(button.dataset.link, location.origin).href;
const tell = (words) => ($("#card-told").textContent = words);

// The canvas is drawn behind the scenes: a half-made card is never seen.
export function preview() {
  composing = composing.then(showPreview, showPreview);
  return composing;
}

async function showPreview() {
  const place = $("#card");
  if (!place) {
    return;
  }
  const told = facts();
  const made = await compose(told, panels, { scale: Math.min(2, Math.max(1, devicePixelRatio)) });
  place.width = made.width;
  place.height = made.height;
  place.getContext("2d").drawImage(made, 0, 0);
  place.setAttribute("aria-label", spoken(told));
  place.dataset.run = told.id;
}

const spoken = ({ question, said, doubts }) =>
  [question, said.map(({ text }) => text).join(""), ...doubts].join(" ");

// How long it took is left to the browser's own list of measures, for who wants to know.
async function picture(scale) {
  const start = performance.now();
  const made = await asPng(await compose(facts(), panels, { scale }));
  performance.measure("card", { start });
  return made;
}

// Safari wants the promise inside the ClipboardItem, made within the click.
async function copyCard() {
  if (!(isSecureContext && navigator.clipboard?.write && window.ClipboardItem)) {
    await saveCard(1, t("Copying pictures needs https or localhost. The card was downloaded instead."));
    return;
  }
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture(1) })]);
    tell(t("The card is in the clipboard."));
  } catch {
    await saveCard(1, t("The browser did not allow copying. The card was downloaded instead."));
  }
}

async function saveCard(scale, told = t("The card was downloaded.")) {
  const { experiment, id } = facts();
  const name = `${experiment}-${id}-card${scale > 1 ? `@${scale}x` : ""}.png`;
  const link = element("a", { href: URL.createObjectURL(await picture(scale)), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  tell(told);
}

async function copyMarkdown(from) {
  try {
    await copyText(await (await ask("GET", from)).text());
  } catch (error) {
    tell(error.message);
  }
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    tell(t("Copied."));
  } catch {
    showToCopy(text);
  }
}

// No clipboard outside a secure context: the text is selected, for the reader's own keys.
function showToCopy(text) {
  const field = element("textarea", { readonly: "", rows: Math.min(8, text.split("\n").length), class: "to-copy" });
  field.value = text;
  field.setAttribute("aria-label", t("Selected; copy it with your keyboard."));
  $("#card-told").replaceChildren(t("Selected; copy it with your keyboard."), field);
  field.select();
}

document.addEventListener("themechange", () => $("#card")?.dataset.run && preview());
