// The page: joins its parts, and says when each of them looks again.

import { Actions } from "./actions.js";
import { Adding } from "./adding.js";
import { forgetToken, whenShut } from "./client.js";
import { Details } from "./details.js";
import { button, el, find, say, settled } from "./dom.js";
import { entered } from "./entry.js";
import { Heads } from "./heads.js";
import { listen } from "./keys.js";
import { Limits } from "./limits.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { attempt, banner } from "./notices.js";
import { Queue } from "./queue.js";
import { Rows } from "./rows.js";
import { showKeys, showSettings } from "./settings.js";
import { applyTheme, switchTheme, whenThemed } from "./theme.js";
import { count, FILTERS, rate } from "./words.js";

class Page {
  constructor() {
    this.filter = FILTERS[0];
    this.rows = new Rows(() => this.listed());
    this.actions = new Actions((downloads) => this.took(downloads), (ids) => this.gone(ids));
    this.details = new Details(this.rows, {
      quick: (each) => this.actions.quick(each),
      cancel: (each) => this.actions.cancel([each.download_id], [each]),
      remove: (each) => this.actions.remove([each.download_id], [each]),
      again: (id) => this.actions.order("retry", [id]),
      first: (id) => this.actions.order("resume", [id], { now: true }),
      closed: (id) => this.closed(id),
    });
    this.list = new List(find("scroller"), this.rows, {
      open: (id) => this.open(id),
      quick: (each) => this.actions.quick(each),
      move: (id, position) => this.move(id, position),
      seen: () => this.seen(),
      chosen: () => this.showSelection(),
      wanted: (index) => attempt(() => this.rows.reach(index)),
    });
    this.queue = new Queue(() => this.counted(), () => this.renew(), (problem) => this.unanswered(problem));
    this.live = new Live((event) => this.heard(event), (state) => this.connection(state));
    this.heads = new Heads(find("heads"), find("sorting"), () => this.show());
    this.adding = new Adding(() => this.added());
    this.limits = new Limits(find("limit"));
    this.renew = settled(() => attempt(() => this.rows.renew(Math.max(0, this.list.room.first - 5), this.list.room.last - this.list.room.first + 15)), 300, 1500);
    this.watch = settled(() => this.live.watch([...new Set([...this.list.onScreen(), ...(this.details.id ? [this.details.id] : [])])]), 80, 300);
    this.build();
  }

  build() {
    find("filters").append(...FILTERS.map((each, index) => {
      each.number = el("span", { class: "number" });
      each.button = el("button", { type: "button", class: "filter", "aria-pressed": "false", "aria-keyshortcuts": String(index + 1), onclick: () => this.choose(each) }, el("span", { text: each.words }), each.number);
      return each.button;
    }));
    this.themeButton = button("moon", "Light or dark", switchTheme, { quiet: true, shown: false, key: "T" });
    find("tools").append(
      button("add", "Add", () => this.adding.show(), { kind: "main", key: "A" }),
      this.themeButton,
      button("gear", "Settings", showSettings, { quiet: true, shown: false }),
      button("help", "Keys", showKeys, { quiet: true, shown: false, key: "?" }),
      button("leave", "Forget the token", () => {
        forgetToken();
        location.reload();
      }, { quiet: true, shown: false }),
    );
    const searched = settled(() => this.show(), 200);
    find("search").addEventListener("input", searched);
    whenThemed(() => this.details.draw());
    listen({
      list: this.list,
      hidden: () => find("app").hidden,
      act: (name) => this.act(name),
      filter: (number) => this.choose(FILTERS[number]),
      search: () => find("search").focus(),
      add: () => this.adding.show(),
      keys: showKeys,
      limit: () => this.limits.range.focus(),
      theme: switchTheme,
      open: () => this.list.cursor && this.open(this.list.cursor),
      close: () => (this.details.id ? this.details.close() : this.list.chooseNone()),
      shift: (step) => this.shift(step),
    });
    this.letDrop();
    document.addEventListener("visibilitychange", () => !document.hidden && this.queue.soon());
  }

  letDrop() {
    const foreign = (event) => this.list.dragged === null && [...event.dataTransfer.types].some((each) => each === "Files" || each === "text/uri-list" || each === "text/plain");
    window.addEventListener("dragover", (event) => {
      if (find("app").hidden || !foreign(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    window.addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dropping"));
    window.addEventListener("drop", (event) => {
      document.body.classList.remove("dropping");
      if (find("app").hidden || !foreign(event)) return;
      event.preventDefault();
      if (event.dataTransfer.files.length) this.adding.take([...event.dataTransfer.files]);
      else this.adding.show(event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain"));
    });
  }

  async start() {
    find("app").hidden = false;
    this.list.measure();
    await attempt(() => this.queue.look());
    await Promise.all([this.show(), attempt(() => this.limits.load())]);
    this.queue.start();
    this.live.connect();
  }

  stop() {
    this.queue.stop();
    this.live.end();
    this.details.close();
  }

  // --- what is listed ---

  choose(filter) {
    if (filter === this.filter) return;
    this.filter = filter;
    this.list.chooseNone();
    this.show();
  }

  async show() {
    const text = find("search").value.trim();
    for (const each of FILTERS) each.button.setAttribute("aria-pressed", String(each === this.filter));
    find("scroller").scrollTop = 0;
    this.list.total = 0;
    const { phases, ended } = this.filter;
    this.heads.listed({ queued: phases?.includes("pending") ?? false, ended: ended ?? false });
    this.list.ended = ended ?? false;
    await attempt(() => this.rows.show({ phases, text, sort: this.heads.sort }));
    say(find("spoken"), `${this.filter.words}: ${count(this.total(), "download")}`);
  }

  /** How many there are: known from the counts, and with a search as far as was read. */
  total() {
    if (this.rows.ended || this.rows.query.text) return this.rows.ids.length;
    return Math.max(this.rows.ids.length, this.queue.count(this.filter.phases));
  }

  listed() {
    this.list.total = this.total();
    this.list.draw();
    const none = this.rows.loaded && !this.rows.ids.length;
    find("empty").hidden = !none;
    if (none) this.sayEmpty();
    this.dropChosen();
    this.watch();
    this.details.draw();
  }

  sayEmpty() {
    const { text } = this.rows.query;
    const nothing = !text && this.filter === FILTERS[0];
    find("empty").replaceChildren(...(nothing
      ? [el("h2", { text: "Nothing here yet" }), el("p", { text: "Add an address, or drop a list of them anywhere on this page." }), button("add", "Add downloads", () => this.adding.show(), { kind: "main" })]
      : [el("h2", { text: text ? "Nothing matches" : "None" }), el("p", { text: text ? `No name or address contains “${text}”${this.filter.phases ? ` among the ${this.filter.words.toLowerCase()}` : ""}.` : "No download stands so at the moment." })]));
  }

  seen() {
    this.watch();
    if (this.rows.loaded && !this.rows.queued) this.renew();
  }

  // --- what happens ---

  heard(event) {
    const { download_id: id, download } = event;
    switch (event.event) {
      case "download_progress":
        this.rows.sample(event);
        this.details.track(event);
        this.list.draw();
        break;
      case "download_metrics":
        this.queue.metrics(event);
        break;
      case "download_removed":
        this.gone([id]);
        break;
      case "lagged":
        this.again();
        break;
      default:
        if (!download) break;
        if (this.rows.downloads.has(id)) this.rows.apply(download);
        if (id === this.details.id) this.details.refresh();
        this.list.draw();
        this.queue.soon();
        if (event.event === "download_edited" && this.rows.queued) this.renew();
    }
  }

  connection(state) {
    if (state === "open") {
      if (this.lost) this.again();
      this.lost = false;
      banner(null);
    } else {
      this.lost = true;
      banner("The connection to dlm is lost. What you see may be out of date; it is tried again by itself.");
    }
  }

  /** A socket may seem open long after the other side has gone: a question without an answer says so sooner. */
  unanswered(problem) {
    if (problem.status === 0 && this.live.isOpen) this.live.connect();
  }

  /** Everything on the screen, anew. */
  again() {
    this.queue.soon();
    this.renew();
    this.limits.load().catch(() => {});
    this.details.refresh();
  }

  counted() {
    for (const each of FILTERS) say(each.number, this.queue.count(each.phases).toLocaleString("en-GB"));
    say(find("speed"), rate(this.queue.speed));
    say(find("moving"), this.queue.active ? `${this.queue.active} at work` : "nothing moves");
    document.title = this.queue.active ? `${rate(this.queue.speed)} · dlm` : "dlm";
    this.list.total = this.total();
    this.list.draw();
  }

  took(downloads) {
    for (const each of downloads) if (this.rows.downloads.has(each.download_id)) this.rows.apply(each);
    this.list.draw();
    this.details.refresh();
    this.showSelection();
    this.queue.soon();
  }

  gone(ids) {
    if (ids.includes(this.details.id)) this.details.close();
    this.rows.remove(ids);
    this.queue.soon();
  }

  added() {
    find("scroller").scrollTop = 0;
    this.queue.soon();
    this.renew();
  }

  // --- what is chosen ---

  open(id) {
    this.details.open(id);
    this.opened(id);
  }

  closed(id) {
    if (this.list.chosen.size === 1 && this.list.chosen.has(id)) this.list.chosen.clear();
    this.opened(null);
    this.list.grid.focus({ preventScroll: true });
  }

  opened(id) {
    this.list.opened = id;
    this.showSelection();
    this.watch();
  }

  dropChosen() {
    const before = this.list.chosen.size;
    for (const id of this.list.chosen) if (!this.rows.downloads.has(id)) this.list.chosen.delete(id);
    if (before !== this.list.chosen.size) this.showSelection();
  }

  showSelection() {
    const place = find("selection");
    const { chosen } = this.list;
    this.list.draw();
    // One that is shown beside has its buttons there.
    place.hidden = chosen.size === 0 || (chosen.size === 1 && chosen.has(this.details.id));
    document.body.classList.toggle("choosing", !place.hidden);
    if (place.hidden) return;
    if (!place.firstChild) {
      this.chosenWords = el("strong");
      place.append(this.chosenWords,
        button("pause", "Pause", () => this.act("pause"), { quiet: true, key: "P" }),
        button("play", "Resume", () => this.act("resume"), { quiet: true, key: "R" }),
        button("cancel", "Cancel", () => this.act("cancel"), { quiet: true, key: "C" }),
        button("remove", "Remove", () => this.act("remove"), { quiet: true, key: "Delete" }),
        button("check", "Select all", () => this.list.chooseAll(), { quiet: true }),
        button("close", "Select none", () => this.list.chooseNone(), { quiet: true, shown: false }));
    }
    say(this.chosenWords, `${chosen.size.toLocaleString("en-GB")} selected`);
  }

  async act(name) {
    const { chosen, cursor } = this.list;
    const ids = chosen.size ? [...chosen] : cursor ? [cursor] : [];
    if (!ids.length) return;
    const downloads = ids.map((id) => this.rows.downloads.get(id)).filter(Boolean);
    if (name === "remove" || name === "cancel") await this.actions[name](ids, downloads);
    else if (name === "resume") {
      const ended = new Set(downloads.filter((each) => ["failed", "cancelled", "completed"].includes(each.phase)).map((each) => each.download_id));
      if (ended.size) await this.actions.order("retry", [...ended]);
      if (ended.size < ids.length) await this.actions.order("resume", ids.filter((id) => !ended.has(id)));
    } else await this.actions.order(name, ids);
  }

  async shift(step) {
    const index = this.list.cursorIndex;
    if (!this.rows.queued || index < 0 || this.rows.at(index).phase !== "pending") return;
    const position = index + 1 + step;
    if (position < 1) return;
    await this.move(this.list.cursor, position);
  }

  async move(id, position) {
    await this.actions.move(id, position);
    await attempt(() => this.rows.reload());
  }
}

applyTheme();
const page = new Page();
let entering = false;

async function enter(fault) {
  if (entering) return;
  entering = true;
  await entered(fault);
  entering = false;
  await page.start();
}

whenShut((detail) => {
  if (entering) return;
  forgetToken();
  page.stop();
  enter(detail ?? "The token is not good any more.");
});
await enter(null);
