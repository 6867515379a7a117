// The name, the note and the pin of a run: saved without leaving the page.
import { $, ask, fetchPage } from "./page.js";
import { to } from "./place.js";
import { t } from "./words.js";

const editorOf = (form) => form.closest("[data-part=keep]");

function given(form) {
  const { name, note, pinned } = form.elements;
  return { name: name.value, note: note.value, pinned: pinned.checked };
}

function complain(form, text) {
  const place = $("[role=alert]", form);
  place.textContent = text;
  place.hidden = !text;
}

// Listens at the document, because the editor comes anew with every run.
export function wireKeeping(tell) {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.keep) {
      return;
    }
    event.preventDefault();
    try {
      complain(form, "");
      await ask("PATCH", to(`/api/runs/${form.dataset.keep}`), given(form));
      const parts = await fetchPage(to(`/runs/${form.dataset.keep}/parts`));
      const fresh = document.adoptNode($("[data-part=keep]", parts));
      editorOf(form).replaceWith(fresh);
      $("summary", fresh).focus();
      tell(t("Saved."));
    } catch (error) {
      complain(form, error.message);
    }
  });
  document.addEventListener("keydown", (event) => {
    const editor = event.key === "Escape" && event.target.closest("details.keep-edit[open]");
    if (editor) {
      editor.open = false;
      $("summary", editor).focus();
    }
  });
}

// Somebody writes here: what the server says meanwhile must not take the pen away.
export const isBeingEdited = (part, run) => $(`details[open] [data-keep="${run}"]`, part) !== null;
