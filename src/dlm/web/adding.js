// Adding: addresses that are pasted or dropped, and what holds for all of them.

import { ask, freshKey } from "./client.js";
import { dialog } from "./dialogs.js";
import { button, el, say } from "./dom.js";
import { tell } from "./notices.js";
import { count, parseRate, size } from "./words.js";

const LARGEST = 4 * 1024 * 1024;
const MOST = 10_000;
const FOREIGN = /\.(torrent|metalink|meta4|har)$/i;

/** The addresses of a text: one download a line, its mirrors behind tabs. Lines that begin with # are remarks. */
export function downloadsOf(text) {
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && !line.startsWith("#"))
    .map((line) => line.split("\t").map((each) => each.trim()).filter(Boolean));
}

/** The text of a dropped or chosen file. Throws an Error that says what to do instead. */
export async function textOf(file) {
  if (FOREIGN.test(file.name)) {
    throw new Error(`This page cannot read “${file.name}” yet. It takes a text file with one address a line.`);
  }
  if (file.size > LARGEST) throw new Error(`“${file.name}” has ${size(file.size)}: that is no list of addresses.`);
  const text = await file.text();
  if (text.includes("\0")) throw new Error(`“${file.name}” is no text file. A list has one address a line.`);
  return text;
}

const field = (words, input, hint = null) =>
  el("label", { class: "field" }, words, input, hint ? el("small", { text: hint }) : null);
const input = (name, props = {}) => el("input", { name, type: "text", autocomplete: "off", spellcheck: "false", ...props });

export class Adding {
  constructor(added) {
    this.added = added;
    this.open = null;
    this.roots = null;
  }

  show(text = "") {
    if (this.open) {
      this.addresses.value = [this.addresses.value.trimEnd(), text].filter(Boolean).join("\n");
      this.counted();
      return;
    }
    this.key = freshKey();
    this.open = dialog("Add downloads", this.form(text), { kind: "wide", closed: () => { this.open = null; } });
    this.addresses.focus();
    this.counted();
    this.suggest();
  }

  form(text) {
    this.addresses = el("textarea", {
      name: "addresses", rows: 7, spellcheck: "false", wrap: "off", placeholder: "https://example.org/file.iso", "aria-describedby": "add-hint add-fault",
      oninput: () => this.counted(),
    });
    this.addresses.value = text;
    const file = el("input", { type: "file", class: "unseen", tabindex: -1, "aria-hidden": "true", accept: ".txt,.list,.urls,text/plain", onchange: () => this.take(file.files) });
    this.fault = el("p", { class: "fault", id: "add-fault", role: "alert", hidden: true });
    this.found = el("p", { class: "found", role: "status", hidden: true });
    this.send = el("button", { type: "submit", class: "button main", text: "Add" });
    this.look = button("search", "Look first", () => this.preview(), { quiet: true });
    this.suggested = el("datalist", { id: "add-roots" });
    const form = el("form", { class: "body adding", novalidate: true },
      el("div", { class: "field" }, el("label", { for: "add-text", text: "Addresses" }), this.addresses),
      el("p", { class: "hint", id: "add-hint" },
        "One a line; mirrors of the same file behind it, with tabs between. Or drop a text file here, or ",
        el("button", { type: "button", class: "link", text: "choose one", onclick: () => file.click() }), file,
        ". Torrents, Metalinks and browser recordings cannot be read here yet."),
      this.found,
      el("div", { class: "pair" },
        field("Directory", input("directory", { list: "add-roots", placeholder: "as configured" })),
        field("Save as", input("output", { placeholder: "as the server names it" }), "for one download only"),
      ),
      el("details", {}, el("summary", { text: "More options" }), el("div", { class: "pair" },
        field("Checksum", input("checksum", { placeholder: "sha-256=…" }), "for one download only"),
        field("Limit of each", input("limit_rate", { placeholder: "such as 500K or 5M" })),
        field("Connections of each", input("connections", { type: "number", min: 1, max: 256, placeholder: "as it pays" })),
        field("Priority", el("select", { name: "priority" }, ...["high", "normal", "low"].map((each) =>
          el("option", { value: each, selected: each === "normal", text: each[0].toUpperCase() + each.slice(1) })))),
      )),
      this.suggested,
      this.fault,
      el("footer", {},
        el("label", { class: "tick" }, el("input", { type: "checkbox", name: "paused" }), el("span", { text: "Start paused" })),
        this.look, this.send),
    );
    this.addresses.id = "add-text";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit(form);
    });
    this.element = form;
    return form;
  }

  counted() {
    const number = downloadsOf(this.addresses.value).length;
    say(this.send, number > 1 ? `Add ${number.toLocaleString("en-GB")}` : "Add");
    this.look.hidden = number !== 1;
    for (const name of ["output", "checksum"]) this.element.elements[name].disabled = number > 1;
    this.wrong(null);
  }

  wrong(text) {
    this.fault.hidden = !text;
    say(this.fault, text ?? "");
  }

  async suggest() {
    try {
      this.roots ??= (await ask("GET", "/settings")).roots;
    } catch {
      return;
    }
    this.suggested.replaceChildren(...this.roots.map((each) => el("option", { value: each })));
  }

  async take(files) {
    this.show();
    try {
      for (const file of files) this.show((await textOf(file)).trim());
    } catch (error) {
      this.wrong(error.message);
    }
  }

  /** The members that hold for all; throws an Error where one makes no sense. */
  options(form) {
    const said = {};
    for (const name of ["directory", "output", "checksum"]) {
      const control = form.elements[name];
      if (!control.disabled && control.value.trim()) said[name] = control.value.trim();
    }
    const limit = parseRate(form.elements.limit_rate.value);
    if (limit === undefined) throw new Error("The limit makes no sense: write bytes a second, such as 500K or 5M.");
    if (limit !== null) said.limit_rate = limit;
    const connections = form.elements.connections.value;
    if (connections && !(Number(connections) >= 1 && Number(connections) <= 256)) throw new Error("Connections: write a number from 1 to 256.");
    if (connections) said.connections = Math.round(Number(connections));
    return said;
  }

  async preview() {
    const [uris] = downloadsOf(this.addresses.value);
    await this.busy(async () => {
      const { directory, ...rest } = this.options(this.element);
      const told = await ask("POST", "/preview", { body: { uris, ...rest } });
      this.found.hidden = false;
      say(this.found, `${told.name ?? "A file without a name"}: ${told.size === null ? "size not known" : size(told.size)}${told.media_type ? `, ${told.media_type}` : ""}. ${
        told.ranged ? "It can be fetched in parts and resumed." : "It can only be fetched from the beginning."}`);
    });
  }

  async submit(form) {
    const rows = downloadsOf(this.addresses.value);
    if (!rows.length) return this.wrong("Write at least one address.");
    if (rows.length > MOST) return this.wrong(`That are ${rows.length.toLocaleString("en-GB")} addresses; up to ${MOST.toLocaleString("en-GB")} can be added at once.`);
    return this.busy(async () => {
      const common = { ...this.options(form), priority: form.elements.priority.value, paused: form.elements.paused.checked };
      const told = await ask("POST", "/downloads/bulk", { body: { downloads: rows.map((uris) => ({ uris, ...common })) }, key: this.key });
      const known = told.added.filter((each) => each.known).length;
      this.open.close();
      tell(known ? `${count(told.added.length - known, "download")} added; ${known} were in the queue already.` : `${count(told.added.length, "download")} added.`);
      this.added(told.added.map((each) => each.download));
    });
  }

  /** Runs it while the buttons rest; what goes wrong is told above them. */
  async busy(run) {
    this.wrong(null);
    this.send.disabled = this.look.disabled = true;
    try {
      await run();
    } catch (error) {
      this.key = freshKey();
      this.wrong(error.message);
    } finally {
      this.send.disabled = this.look.disabled = false;
    }
  }
}
