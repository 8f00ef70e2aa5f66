// One download: the map of its segments, its speed, who brings what, why it stands where it stands, and its story.

import { ask } from "./client.js";
import { button, el, find, say, settled } from "./dom.js";
import { columnsOf, drawMap, drawSpeed, hueOf, ROWS } from "./drawing.js";
import { STOPS } from "./limits.js";
import { attempt, tell } from "./notices.js";
import { quickOf } from "./list.js";
import { amount, causeOf, clock, kindOf, left, nameOf, rate, share, size, statusOf, VERIFICATION } from "./words.js";

const SPAN = 180;
const LEAST_SPAN = 30;
const EXPLAINED = 5000;
const MOST_TRACKED = 50;
// Phases in which something is waited for, or in the way.
const BOUND = ["pending", "scheduled", "running", "waiting"];

export class Details {
  /** `acts`: quick, cancel, remove, first, closed. */
  constructor(rows, acts) {
    this.place = find("details");
    this.rows = rows;
    this.acts = acts;
    this.id = null;
    this.story = null;
    this.tracks = new Map();
    this.drawn = 0;
    this.refresh = settled(() => attempt(() => this.load()), 200);
    new ResizeObserver(() => this.draw()).observe(this.place);
    setInterval(() => {
      if (this.id && !document.hidden && BOUND.includes(this.download?.phase)) this.explain().catch(() => {});
    }, EXPLAINED);
    setInterval(() => this.id && this.draw(), 1000);
  }

  get download() {
    return this.rows.downloads.get(this.id) ?? this.story?.download;
  }

  /** Remembers a speed, so that the chart has a past when it is opened. */
  track(event) {
    if (!this.tracks.has(event.download_id) && this.tracks.size >= MOST_TRACKED) this.tracks.delete(this.tracks.keys().next().value);
    const points = this.tracks.get(event.download_id) ?? [];
    this.tracks.set(event.download_id, points);
    const now = performance.now() / 1000;
    if (points.length && now - points.at(-1)[0] < 0.4) return;
    points.push([now, event.smoothed_speed ?? 0]);
    while (points.length && points[0][0] < now - SPAN) points.shift();
    if (event.download_id === this.id) this.draw();
  }

  async open(id) {
    this.id = id;
    this.story = null;
    this.build();
    this.place.hidden = false;
    document.body.classList.add("detailed");
    this.draw();
    await attempt(() => this.load());
  }

  close() {
    if (this.id === null) return;
    const { id } = this;
    this.id = null;
    this.place.hidden = true;
    this.place.replaceChildren();
    document.body.classList.remove("detailed");
    this.acts.closed(id);
  }

  async load() {
    const { id } = this;
    if (id === null) return;
    try {
      const story = await ask("GET", `/downloads/${id}`);
      if (id !== this.id) return;
      this.story = story;
      if (this.rows.downloads.has(id)) this.rows.apply(story.download);
    } catch (problem) {
      if (problem.status === 404) return void this.close();
      throw problem;
    }
    this.told();
    this.draw();
    await this.explain();
  }

  async explain() {
    const { id } = this;
    const told = await ask("GET", `/downloads/${id}/explain`);
    if (id !== this.id) return;
    this.why.replaceChildren(...told.constraints.map((each) => el("li", { text: each.sentence })));
    this.whyBox.hidden = !told.constraints.length || !BOUND.includes(told.download.phase);
  }

  build() {
    const part = (title, ...body) => el("section", {}, el("h3", { text: title }), ...body);
    this.title = el("h2", { tabindex: -1 });
    this.words = el("span");
    this.state = el("p", { class: "state" }, el("span", { class: "dot" }), this.words);
    this.fill = el("div", { class: "fill" });
    this.bar = el("div", { class: "bar", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, this.fill);
    this.pace = el("p", { class: "pace" });
    this.fault = el("p", { class: "fault", hidden: true });
    this.buttons = el("div", { class: "buttons" });
    this.map = el("canvas", { role: "img" });
    this.scale = el("p", { class: "hint" });
    this.chart = el("canvas", { role: "img" });
    this.past = el("p", { class: "hint" });
    this.connections = el("ul", { class: "connections" });
    this.why = el("ul", { class: "why" });
    this.facts = el("dl", { class: "pairs" });
    this.mirrors = el("ul", { class: "paths" });
    this.steps = el("ol", { class: "story" });
    this.mapBox = part("Map of the file", this.map, this.scale);
    this.chartBox = part("Speed", this.chart, this.past);
    this.connectionsBox = part("Connections", this.connections);
    this.whyBox = part("Why it stands where it stands", this.why);
    this.whyBox.hidden = this.connectionsBox.hidden = true;
    this.place.replaceChildren(
      el("header", {}, this.title, button("close", "Close the details", () => this.close(), { quiet: true, shown: false, key: "Esc" })),
      el("div", { class: "body" }, this.state, this.bar, this.pace, this.fault, this.buttons,
        this.mapBox, this.chartBox, this.connectionsBox, this.whyBox,
        part("File", this.facts), part("Addresses", this.mirrors), part("Story", this.steps)),
    );
    this.place.scrollTop = 0;
    this.phase = null;
    this.toldState = null;
  }

  draw() {
    if (this.drawn || this.id === null) return;
    this.drawn = requestAnimationFrame(() => {
      this.drawn = 0;
      if (this.id !== null && this.download) this.paint();
    });
  }

  paint() {
    const { download } = this;
    const sample = this.rows.samples.get(this.id);
    const kind = kindOf(download);
    this.place.dataset.kind = kind;
    say(this.title, nameOf(download));
    say(this.words, statusOf(download));
    const part = share(download, sample);
    this.fill.style.transform = `scaleX(${part.toFixed(4)})`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(part * 100)));
    this.bar.hidden = part === 0 && kind !== "moving";
    const speed = sample?.smoothed_speed ?? null;
    say(this.pace, [amount(download, sample), speed !== null ? rate(speed) : "", left(sample)].filter(Boolean).join("  ·  "));
    const failed = download.error && kind !== "good";
    this.fault.hidden = !failed;
    say(this.fault, failed ? download.error.message : "");
    if (this.phase !== download.status) {
      this.phase = download.status;
      this.offer(download);
    }
    this.paintMap(download, sample);
    const points = this.tracks.get(this.id) ?? [];
    this.chartBox.hidden = points.length < 2;
    if (!this.chartBox.hidden) this.paintSpeed(points);
    this.paintConnections([...(sample?.connections ?? [])].sort((one, other) => one.number - other.number));
  }

  paintSpeed(points) {
    // What has ended keeps the picture of its end.
    const now = this.download.phase === "running" ? performance.now() / 1000 : points.at(-1)[0];
    const span = Math.max(LEAST_SPAN, Math.min(SPAN, Math.ceil((now - points[0][0]) / 30) * 30));
    drawSpeed(this.chart, points, span, now);
    say(this.past, span < 60 ? `The last ${span} seconds.` : `The last ${span / 60} minutes.`.replace("1 minutes", "minute"));
  }

  paintMap(download, sample) {
    const total = sample?.total ?? download.size;
    const whole = download.phase === "completed" && total ? [[0, total]] : [];
    const done = sample?.done ?? (whole.length ? whole : (this.story?.checkpoint?.done ?? []));
    this.mapBox.hidden = !total || (download.phase !== "running" && !done.length);
    if (this.mapBox.hidden) return;
    drawMap(this.map, { total, done, connections: sample?.connections ?? [] });
    const columns = columnsOf(this.map);
    say(this.scale, `Each square is ${size(total / (columns * ROWS))}.${
      sample?.connections?.length ? " Framed: where a connection is. Pale: what it is to fetch." : ""}`);
  }

  paintConnections(connections) {
    this.connectionsBox.hidden = !connections.length;
    while (this.connections.children.length > connections.length) this.connections.lastChild.remove();
    connections.forEach((each, index) => {
      let line = this.connections.children[index];
      if (!line) {
        line = el("li", {}, el("span", { class: "swatch" }), el("span"), el("span"), el("span", { class: "soft" }));
        this.connections.append(line);
      }
      line.firstChild.className = `swatch hue-${hueOf(each.number)}`;
      say(line.children[1], `No. ${each.number + 1}`);
      say(line.children[2], rate(each.speed));
      say(line.children[3], `${size(Math.max(0, each.stop - each.position))} to go`);
    });
  }

  offer(download) {
    const [sign, words] = quickOf(download);
    const made = [];
    if (download.phase !== "completed") made.push(button(sign, words, () => this.acts.quick(this.download), { kind: "main" }));
    else made.push(button("retry", "Fetch again", () => this.acts.again(this.id), { quiet: true }));
    if (download.phase === "pending") made.push(button("down", "Start now", () => this.acts.first(this.id), { quiet: true }));
    if (!["completed", "cancelled"].includes(download.phase)) made.push(button("cancel", "Cancel", () => this.acts.cancel(this.download), { quiet: true }));
    made.push(button("remove", "Remove", () => this.acts.remove(this.download), { quiet: true }));
    this.buttons.replaceChildren(...made);
  }

  /** Only where they have changed, so that a choice that is open stays open, and the keyboard where it is. */
  tellFacts(facts, state) {
    if (state === this.toldState) return;
    this.toldState = state;
    const held = this.facts.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    this.facts.replaceChildren(...facts.filter(Boolean).flatMap(([name, shown]) => [el("dt", { text: name }), el("dd", {}, shown)]));
    if (held) this.facts.querySelector(`[aria-label="${held}"]`)?.focus();
  }

  /** A choice of what this one may take; a limit that is none of the steps is shown as it is. */
  limiting(download) {
    const limit = download.limit_rate ?? null;
    const steps = [...new Set([null, ...STOPS, limit])];
    return this.choosing("Speed limit of this download", steps, limit, (step) => (step === null ? "none" : rate(step)), (step) => ({ limit_rate: step }));
  }

  ranking(download) {
    return this.choosing("Priority of this download", ["high", "normal", "low"], download.priority, (each) => each, (each) => ({ priority: each }));
  }

  choosing(label, values, chosen, words, change) {
    const { id } = this;
    const made = el("select", { "aria-label": label, onchange: async () => {
      const changed = await attempt(() => ask("PATCH", `/downloads/${id}`, { body: change(values[made.selectedIndex]) }));
      if (!changed) this.toldState = null;
      await attempt(() => this.load());
    } }, ...values.map((each) => el("option", { text: words(each), selected: each === chosen })));
    return made;
  }

  /** What only the story has. */
  told() {
    const { download, checkpoint, transitions } = this.story;
    const ended = ["completed", "failed", "cancelled"].includes(download.phase);
    const where = download.path ?? download.directory;
    const copy = button("copy", "Copy the path", async () => {
      await navigator.clipboard.writeText(where).then(() => tell("The path is copied."), () => tell("The browser did not let it be copied.", { wrong: true }));
    }, { quiet: true, shown: false });
    const facts = [
      [download.path ? "Path" : "Directory", el("span", { class: "path" }, el("code", { text: where }), copy)],
      ["Size", el("span", { text: size(checkpoint?.size ?? download.size) })],
      ["Verification", el("span", { text: verificationOf(download) })],
      checkpoint ? ["Resumable", el("span", { text: checkpoint.ranged ? "Yes, the server serves parts" : "No, only from the beginning" })] : null,
      ["Speed limit", ended ? el("span", { text: download.limit_rate ? rate(download.limit_rate) : "none" }) : this.limiting(download)],
      ["Priority", ended ? el("span", { text: download.priority }) : this.ranking(download)],
      download.group ? ["Group", el("span", { text: download.group })] : null,
      ["Added", el("span", { text: clock(download.added) })],
      download.finished ? ["Ended", el("span", { text: clock(download.finished) })] : null,
      ["Id", el("code", { text: download.download_id })],
    ];
    this.tellFacts(facts, JSON.stringify([
      where, ended, download.size, download.verification, download.limit_rate, download.priority, download.group, download.finished,
      checkpoint?.size, checkpoint?.ranged,
    ]));
    const addresses = [...new Set([...download.uris, ...(checkpoint?.mirrors ?? [])])];
    this.mirrors.replaceChildren(...addresses.map((each) => el("li", {}, el("code", { text: each }))));
    this.steps.replaceChildren(...transitions.slice().reverse().map((step) => el("li", {},
      el("time", { text: clock(step.at), datetime: new Date(step.at * 1000).toISOString() }),
      el("span", { text: causeOf(step) }),
      step.detail ? el("small", { text: step.detail }) : null)));
  }
}

function verificationOf(download) {
  if (!download.verification) return download.phase === "completed" ? "None" : "When all of it is there";
  return VERIFICATION[download.verification] + (download.verified_by ? ` (${download.verified_by})` : "");
}
