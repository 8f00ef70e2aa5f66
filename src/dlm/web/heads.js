// The heads of the columns: what the list is sorted by, which this browser remembers.

import { el, icon } from "./dom.js";

const KEY = "dlm.sort";
/** What a first press sorts by, and a second; a third is the usual order again. */
const COLUMNS = [
  { key: "name", words: "Name", ways: ["name", "-name"] },
  { key: "size", words: "Size", ways: ["-size", "size"] },
  { key: null, words: "Progress" },
  { key: null, words: "State" },
  { key: "added", words: "Added", ways: ["-added", "added"] },
];
const ENDED = { key: "finished", words: "Ended", ways: ["-finished", "finished"] };
const CHOICES = [
  ["", "Newest first"], ["added", "Oldest first"], ["name", "By name"], ["-name", "By name, from Z"], ["-size", "Largest first"],
  ["size", "Smallest first"], ["-finished", "Ended last"], ["finished", "Ended first"],
];

export class Heads {
  /** `changed(sort)` is told an order, null for the usual one. */
  constructor(row, narrow, changed) {
    this.row = row;
    this.changed = changed;
    this.queued = false;
    this.ended = false;
    const kept = localStorage.getItem(KEY);
    this.sort = CHOICES.some(([word]) => word && word === kept) ? kept : null;
    this.choice = el("select", { "aria-label": "Sort", onchange: () => this.choose(this.choice.value || null) },
      ...CHOICES.map(([word, words]) => el("option", { value: word, text: words })));
    narrow.append(this.choice);
    this.cells = COLUMNS.map((column) => this.makeCell(column));
    row.append(el("div", { role: "columnheader" }, el("span", { class: "unseen", text: "Select" })), ...this.cells.map((each) => each.element),
      el("div", { role: "columnheader" }, el("span", { class: "unseen", text: "Order" })));
    this.draw();
  }

  makeCell(column) {
    const element = el("div", { role: "columnheader", class: column.words.toLowerCase() });
    if (!column.key) {
      element.append(el("span", { text: column.words }));
      return { column, element };
    }
    const cell = { column, element, words: el("span", { text: column.words }) };
    cell.button = el("button", { type: "button", onclick: () => this.press(cell.column) }, cell.words, icon("sorted"));
    element.append(cell.button);
    return cell;
  }

  /** What is listed: in the order of the queue unless it is sorted, or what has ended. */
  listed({ queued, ended }) {
    this.queued = queued;
    this.ended = ended;
    this.draw();
  }

  /** The order as the daemon is asked for it. */
  get effective() {
    return this.sort ?? (this.queued ? null : "-added");
  }

  press(column) {
    const at = column.ways.indexOf(this.effective);
    this.choose(column.ways[at + 1] ?? null);
  }

  choose(sort) {
    this.sort = sort === "-added" && !this.queued ? null : sort;
    if (this.sort) localStorage.setItem(KEY, this.sort);
    else localStorage.removeItem(KEY);
    this.draw();
    this.changed();
  }

  draw() {
    const last = this.cells.at(-1);
    last.column = this.ended ? ENDED : COLUMNS.at(-1);
    last.words.textContent = last.column.words;
    this.choice.options[0].textContent = this.queued ? "As in the queue" : "Newest first";
    this.choice.value = this.sort === "-added" ? "" : this.sort ?? "";
    const now = this.effective;
    for (const { column, element } of this.cells) {
      if (!column.key) continue;
      const way = column.ways.includes(now) ? (now.startsWith("-") ? "descending" : "ascending") : "none";
      element.setAttribute("aria-sort", way);
    }
  }
}
