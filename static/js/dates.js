// Dates of the last days as "2 min. ago"; the exact one stays in the title.
import { $$ } from "./page.js";
import { ago } from "./format.js";

export function datesToWords() {
  for (const time of $$("time[datetime]")) {
    const words = ago(Date.parse(time.dateTime), Date.now());
    time.textContent = words ?? time.title;
  }
}
