// One process from inside, looked at again once a second while somebody looks.
import { $, $$, connect, fetchPage, isQuiet, setQuiet } from "../page.js";

const EVERY_MS = 1000;
const QUIET_MS = 5000;

async function look() {
  if (!document.hidden && !chosen()) {
    try {
      swap(await fetchPage(`${location.pathname}/parts`));
    } catch (error) {
      if (error.status === 404) {
        $("#gone").hidden = false;
        return;
      }
      // else the server does not answer, as the lamp says: it may again
    }
  }
  setTimeout(look, isQuiet() ? QUIET_MS : EVERY_MS);
}

// Who selects text here wants to copy it.
const chosen = () => !document.getSelection().isCollapsed;

function swap(page) {
  for (const place of $$("[data-part]")) {
    const fresh = $(`[data-part="${place.dataset.part}"]`, page);
    if (fresh && fresh.innerHTML !== place.innerHTML && !place.contains(document.activeElement)) {
      place.replaceWith(document.adoptNode(fresh));
    }
  }
}

connect().follow("queue", { last: (queue) => setQuiet(queue.running.length > 0) });
setTimeout(look, EVERY_MS);
