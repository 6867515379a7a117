// The way in for a run from elsewhere: the chosen file goes to the server as it is, which judges it.
import { $ } from "../page.js";
import { to } from "../place.js";
import { t } from "../words.js";

const LARGEST_B = 64 * 1024 * 1024;

const form = $("#import");
const input = $("#import-file");
const button = $("button", form);

function say(complaint, status = "") {
  const place = $("#import-error");
  place.textContent = complaint;
  place.hidden = !complaint;
  $("#import-status").textContent = status;
}

// Gives the address of the new run; throws the server's sentence.
async function send(file) {
  if (file.size > LARGEST_B) {
    throw new Error(t("The file has more than {size} MB.", { size: LARGEST_B / 1024 / 1024 }));
  }
  const headers = { "content-type": "application/json" };
  const answer = await fetch(to("/api/runs/import"), { method: "POST", headers, body: file }).catch(() => {
    throw new Error(t("The server does not answer. Is oscope still running?"));
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(told.detail ?? t("The server answered {status}.", { status: answer.status }));
  }
  return to(`/runs/${told.id}`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = input.files;
  if (!file) {
    return;
  }
  button.disabled = true;
  say("", t("Importing."));
  try {
    location.assign(await send(file));
  } catch (error) {
    say(error.message);
    input.focus(); // the disabled button lost it, and another file is what helps
  } finally {
    button.disabled = false;
  }
});

input.addEventListener("change", () => say(""));
