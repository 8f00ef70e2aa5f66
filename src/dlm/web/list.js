// The list on the screen: a few rows that are filled anew as it is scrolled, however many downloads there are.

import { button, el, icon, say, settled } from "./dom.js";
import { amount, full, hostOf, kindOf, left, nameOf, rate, share, shortly, statusOf, when } from "./words.js";

const SPARE = 6;

export class List {
  /** `acts`: open(id), quick(download), move(id, position), seen(), chosen(). */
  constructor(scroller, rows, acts) {
    this.scroller = scroller;
    this.rows = rows;
    this.acts = acts;
    this.total = 0;
    this.pool = [];
    this.chosen = new Set();
    this.anchor = null;
    this.cursor = null;
    this.dragged = null;
    this.drawn = 0;
    this.room = { first: 0, last: 0 };
    this.grid = el("div", {
      id: "rows", class: "rows", role: "grid", tabindex: 0, "aria-label": "Downloads", "aria-multiselectable": "true", "aria-owns": "heads",
    });
    scroller.append(this.grid);
    this.measure();
    const stand = settled(() => acts.seen(), 150);
    scroller.addEventListener("scroll", () => {
      this.draw();
      stand();
    }, { passive: true });
    new ResizeObserver(() => {
      this.measure();
      this.draw();
    }).observe(scroller);
    this.grid.addEventListener("focus", () => {
      if (this.cursor === null && this.rows.ids.length) this.setCursor(this.rows.ids[Math.min(this.room.first, this.rows.ids.length - 1)]);
    });
  }

  measure() {
    this.height = parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 64;
  }

  draw() {
    if (this.drawn) return;
    this.drawn = requestAnimationFrame(() => {
      this.drawn = 0;
      this.paint();
    });
  }

  paint() {
    const { scrollTop, clientHeight } = this.scroller;
    const total = Math.max(this.total, this.rows.ids.length);
    this.grid.style.height = `${total * this.height}px`;
    this.grid.setAttribute("aria-rowcount", String(total));
    const first = Math.max(0, Math.floor(scrollTop / this.height) - SPARE);
    const last = Math.min(total, Math.ceil((scrollTop + clientHeight) / this.height) + SPARE);
    this.room = {
      first: Math.floor(scrollTop / this.height),
      last: Math.min(total, Math.ceil((scrollTop + clientHeight) / this.height)),
    };
    while (this.pool.length < last - first) this.pool.push(this.makeRow());
    const used = new Set();
    for (let index = first; index < last; index += 1) {
      const row = this.pool[index % this.pool.length];
      used.add(row);
      this.fill(row, index);
    }
    for (const row of this.pool) {
      if (!used.has(row)) {
        row.element.hidden = true;
        row.id = null;
      }
    }
    if (last > this.rows.ids.length && !this.rows.reading) this.acts.wanted(last);
  }

  onScreen() {
    return this.rows.ids.slice(Math.max(0, this.room.first - SPARE), this.room.last + SPARE);
  }

  makeRow() {
    const row = { id: null, index: -1 };
    row.tick = el("input", { type: "checkbox", tabindex: -1, onclick: (event) => {
      event.stopPropagation();
      this.choose(row.index, { toggle: !event.shiftKey, extend: event.shiftKey });
    } });
    row.name = el("div", { class: "name" });
    row.brief = el("span", { class: "brief" });
    row.rest = el("span", { class: "rest" });
    row.meta = el("div", { class: "meta" }, row.brief, row.rest);
    row.size = el("div", { class: "size", role: "gridcell" });
    row.when = el("div", { class: "when", role: "gridcell" });
    row.fill = el("div", { class: "fill" });
    row.bar = el("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": "Progress" }, row.fill);
    row.pace = el("div", { class: "pace" });
    row.words = el("span");
    row.quick = button("pause", "Pause", (event) => {
      event.stopPropagation();
      const download = this.rows.downloads.get(row.id);
      if (download) this.acts.quick(download);
    }, { quiet: true, shown: false });
    row.quick.tabIndex = -1;
    row.element = el("div", { class: "row", role: "row" },
      el("label", { class: "pick", role: "gridcell", onclick: (event) => event.stopPropagation() }, row.tick),
      el("div", { class: "what", role: "gridcell" }, row.name, row.meta),
      row.size,
      el("div", { class: "how", role: "gridcell" }, row.bar, row.pace),
      el("div", { class: "state", role: "gridcell" }, el("span", { class: "dot" }), row.words),
      row.when,
      el("div", { class: "act", role: "gridcell" }, row.quick),
    );
    row.element.addEventListener("click", (event) => {
      if (row.id === null) return;
      this.choose(row.index, { toggle: event.ctrlKey || event.metaKey, extend: event.shiftKey });
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) this.acts.open(row.id);
    });
    this.letDrag(row);
    this.grid.append(row.element);
    return row;
  }

  fill(row, index) {
    const { element } = row;
    const download = this.rows.at(index);
    row.index = index;
    row.id = download?.download_id ?? null;
    element.hidden = false;
    element.style.transform = `translateY(${index * this.height}px)`;
    element.setAttribute("aria-rowindex", String(index + 1));
    element.classList.toggle("blank", !download);
    if (!download) {
      row.moment = undefined;
      for (const part of [row.name, row.brief, row.rest, row.pace, row.words, row.size, row.when]) say(part, "");
      element.removeAttribute("id");
      element.draggable = false;
      return;
    }
    const sample = this.rows.samples.get(row.id);
    const chosen = this.chosen.has(row.id);
    element.id = `row-${row.id}`;
    element.setAttribute("aria-selected", String(chosen));
    element.classList.toggle("cursor", row.id === this.cursor);
    element.classList.toggle("open", row.id === this.opened);
    element.draggable = this.rows.queued && download.phase === "pending";
    row.tick.checked = chosen;
    const name = nameOf(download);
    row.tick.setAttribute("aria-label", `Select ${name}`);
    say(row.name, name);
    row.name.title = name;
    this.tell(row, download, sample);
  }

  tell(row, download, sample) {
    const kind = kindOf(download);
    row.element.dataset.kind = kind;
    const host = hostOf(download.uri);
    const failed = download.error && ["bad", "waiting"].includes(kind) && download.phase !== "pending";
    const much = amount(download, sample);
    say(row.size, much);
    say(row.brief, failed || !much ? "" : `${much}  ·  `);
    say(row.rest, failed ? shortly(download) : host);
    const moment = this.ended ? download.finished : download.added;
    if (row.moment !== moment) {
      row.moment = moment;
      say(row.when, moment === null ? "" : when(moment));
      row.when.title = moment === null ? "" : full(moment);
    }
    row.meta.title = failed ? download.error.message : "";
    const part = share(download, sample);
    row.fill.style.transform = `scaleX(${part.toFixed(4)})`;
    row.bar.setAttribute("aria-valuenow", String(Math.round(part * 100)));
    row.bar.classList.toggle("unknown", kind === "moving" && !part);
    const speed = sample?.smoothed_speed ?? download.speed;
    const percent = part > 0 && part < 1 ? `${Math.floor(part * 100)} %` : "";
    row.bar.hidden = part === 0 && kind !== "moving";
    const moving = download.phase === "running" && speed !== null;
    say(row.pace, moving ? [rate(speed), left(sample)].filter(Boolean).join("  ·  ") : kind === "good" ? "" : percent);
    say(row.words, download.status === "pending" && this.rows.queued ? `No. ${row.index + 1} in the queue` : statusOf(download));
    const [sign, words] = quickOf(download);
    if (row.sign !== sign) {
      row.sign = sign;
      row.quick.replaceChildren(icon(sign));
    }
    row.quick.title = words;
    row.quick.setAttribute("aria-label", `${words} ${nameOf(download)}`);
  }

  // --- choosing ---

  choose(index, { toggle = false, extend = false }) {
    const id = this.rows.ids[index];
    if (id === undefined) return;
    if (extend && this.anchor !== null) {
      const from = Math.max(0, this.rows.ids.indexOf(this.anchor));
      const [low, high] = from < index ? [from, index] : [index, from];
      this.chosen = new Set(this.rows.ids.slice(low, high + 1));
    } else if (toggle) {
      if (!this.chosen.delete(id)) this.chosen.add(id);
      this.anchor = id;
    } else {
      this.chosen = new Set([id]);
      this.anchor = id;
    }
    this.setCursor(id);
    this.acts.chosen();
  }

  async chooseAll() {
    await this.acts.wanted(Infinity);
    this.chosen = new Set(this.rows.ids);
    this.draw();
    this.acts.chosen();
  }

  chooseNone() {
    this.chosen.clear();
    this.anchor = null;
    this.draw();
    this.acts.chosen();
  }

  setCursor(id) {
    this.cursor = id;
    this.grid.setAttribute("aria-activedescendant", `row-${id}`);
    this.draw();
  }

  /** Moves the cursor there and into sight; chooses that row, or all between, or none. */
  goTo(index, { extend = false, choose = true }) {
    const target = Math.max(0, Math.min(this.rows.ids.length - 1, index));
    if (!this.rows.ids.length) return;
    const top = target * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight;
    if (choose) this.choose(target, { extend });
    else this.setCursor(this.rows.ids[target]);
  }

  get cursorIndex() {
    return this.cursor === null ? -1 : this.rows.ids.indexOf(this.cursor);
  }

  get perScreen() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.height) - 1);
  }

  // --- dragging ---

  letDrag(row) {
    const { element } = row;
    const clear = () => element.classList.remove("before", "after");
    const below = (event) => event.clientY > element.getBoundingClientRect().top + this.height / 2;
    element.addEventListener("dragstart", (event) => {
      this.dragged = row.id;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", nameOf(this.rows.downloads.get(row.id)));
    });
    element.addEventListener("dragover", (event) => {
      if (this.dragged === null || this.rows.at(row.index)?.phase !== "pending") return;
      event.preventDefault();
      event.stopPropagation();
      element.classList.toggle("before", !below(event));
      element.classList.toggle("after", below(event));
    });
    element.addEventListener("dragleave", clear);
    element.addEventListener("dragend", () => {
      this.dragged = null;
    });
    element.addEventListener("drop", (event) => {
      clear();
      if (this.dragged === null) return;
      event.preventDefault();
      event.stopPropagation();
      const from = this.rows.ids.indexOf(this.dragged);
      const gap = row.index + (below(event) ? 1 : 0);
      const id = this.dragged;
      this.dragged = null;
      const to = from >= 0 && from < gap ? gap - 1 : gap;
      if (to !== from) this.acts.move(id, to + 1);
    });
  }
}

/** What the button of a row does: its sign and its words. */
export function quickOf(download) {
  if (["pending", "scheduled", "running", "completing", "waiting"].includes(download.phase)) return ["pause", "Pause"];
  if (download.phase === "paused") return ["play", "Resume"];
  return download.phase === "completed" ? ["remove", "Remove"] : ["retry", "Try again"];
}
