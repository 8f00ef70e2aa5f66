// What the daemon was started with, to be read only; and the keys.

import { ask } from "./client.js";
import { dialog } from "./dialogs.js";
import { el } from "./dom.js";
import { attempt } from "./notices.js";
import { rate } from "./words.js";

const RATES = new Set(["limit_rate", "limit_total"]);

const shown = (name, value) => {
  if (value === null) return RATES.has(name) ? "no limit" : "not set";
  if (value === true) return "yes";
  if (value === false) return "no";
  return RATES.has(name) ? rate(value) : String(value);
};

export async function showSettings() {
  const told = await attempt(() => ask("GET", "/settings"));
  if (!told) return;
  const table = el("table", { class: "facts" }, el("tbody", {}, ...Object.entries(told.values).map(([name, value]) =>
    el("tr", { class: value === null ? "unset" : "" }, el("th", { scope: "row", text: name }), el("td", { text: shown(name, value) })))));
  dialog("Settings", el("div", { class: "body" },
    el("p", { class: "hint", text: "New downloads are fetched with these. They are set where the daemon is started: by its flags, DLM_… variables or config.toml." }),
    el("h3", { text: told.roots.length === 1 ? "Files may go below this directory" : "Files may go below these directories" }),
    el("ul", { class: "paths" }, ...told.roots.map((each) => el("li", {}, el("code", { text: each })))),
    el("h3", { text: "Values" }),
    table,
  ));
}

const KEYS = [
  ["A", "Add downloads"],
  ["/", "Search"],
  ["1 to 6", "All, active, waiting, paused, failed, finished"],
  ["↑ ↓ Page Home End", "Move through the list; with Shift, select on the way"],
  ["Space", "Select, or not"],
  ["Ctrl A", "Select all that are listed"],
  ["Enter", "Details"],
  ["P", "Pause"],
  ["R", "Resume, or try again"],
  ["C", "Cancel"],
  ["Delete", "Remove from the list"],
  ["Alt ↑ ↓", "Earlier or later in the queue (under Waiting)"],
  ["L", "The limit"],
  ["T", "Light or dark"],
  ["Esc", "Close, or select nothing"],
  ["?", "This list"],
];

export function showKeys() {
  dialog("Keys", el("div", { class: "body" }, el("table", { class: "facts keys" }, el("tbody", {}, ...KEYS.map(([key, words]) =>
    el("tr", {}, el("th", { scope: "row" }, el("kbd", { text: key })), el("td", { text: words })))))));
}
