// Adding: addresses and documents that are pasted, dropped or chosen, and what holds for all of them.

import { ask, freshKey } from "./client.js";
import { dialog } from "./dialogs.js";
import { Documents, isDocument } from "./documents.js";
import { button, el, say } from "./dom.js";
import { tell } from "./notices.js";
import { count, parseRate, size } from "./words.js";

const MOST = 10_000;
const ACCEPTED = ".txt,.list,.urls,.meta4,.metalink,.har,.csv,.tsv,.jsonl,.session,.curl,.torrent,text/plain";

/** The addresses of a text: one download a line, its mirrors behind tabs. Lines that begin with # are remarks. */
export function downloadsOf(text) {
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && !line.startsWith("#"))
    .map((line) => line.split("\t").map((each) => each.trim()).filter(Boolean));
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
    const foreign = isDocument(text);
    if (this.open) {
      if (!foreign) this.addresses.value = [this.addresses.value.trimEnd(), text].filter(Boolean).join("\n");
      this.counted();
    } else {
      this.key = freshKey();
      this.documents = new Documents(() => this.counted());
      this.open = dialog("Add downloads", this.form(foreign ? "" : text), { kind: "wide", closed: () => { this.open = null; } });
      this.addresses.focus();
      this.counted();
      this.suggest();
    }
    if (foreign) this.busy(() => this.documents.takeText(text));
  }

  form(text) {
    this.addresses = el("textarea", {
      name: "addresses", rows: 7, spellcheck: "false", wrap: "off", placeholder: "https://example.org/file.iso", "aria-describedby": "add-hint add-fault",
      oninput: () => this.counted(), onpaste: (event) => this.paste(event),
    });
    this.addresses.value = text;
    const file = el("input", { type: "file", class: "unseen", tabindex: -1, "aria-hidden": "true", accept: ACCEPTED, multiple: true, onchange: () => this.take([...file.files]) });
    this.fault = el("p", { class: "fault", id: "add-fault", role: "alert", hidden: true });
    this.found = el("p", { class: "found", role: "status", hidden: true });
    this.send = el("button", { type: "submit", class: "button main", text: "Add" });
    this.look = button("search", "Look first", () => this.preview(), { quiet: true });
    this.suggested = el("datalist", { id: "add-roots" });
    const form = el("form", { class: "body adding", novalidate: true },
      el("div", { class: "field" }, el("label", { for: "add-text", text: "Addresses" }), this.addresses),
      el("p", { class: "hint", id: "add-hint" },
        "One a line; mirrors of the same file behind it, with tabs between. Or paste a command that was copied as cURL; or drop a list, a Metalink or a browser’s recording (HAR) here, or ",
        el("button", { type: "button", class: "link", text: "choose files", onclick: () => file.click() }), file, "."),
      this.documents.element,
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
    const own = downloadsOf(this.addresses.value).length;
    const number = own + this.documents.number;
    say(this.send, number > 1 ? `Add ${number.toLocaleString("en-GB")}` : "Add");
    this.look.hidden = own !== 1 || this.documents.number > 0;
    for (const name of ["output", "checksum"]) this.element.elements[name].disabled = number > 1 || this.documents.number > 0;
    this.wrong(null);
  }

  paste(event) {
    const text = event.clipboardData.getData("text/plain");
    if (!event.clipboardData.files.length && !isDocument(text)) return;
    event.preventDefault();
    if (event.clipboardData.files.length) this.take([...event.clipboardData.files]);
    else this.show(text);
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
    await this.busy(async () => {
      for (const file of files) await this.documents.takeFile(file);
    });
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
    if (isDocument(this.addresses.value)) {
      const text = this.addresses.value;
      this.addresses.value = "";
      return this.show(text);
    }
    const rows = downloadsOf(this.addresses.value);
    if (!rows.length && !this.documents.number) return this.wrong("Write at least one address, or choose a file with some.");
    if (rows.length > MOST) return this.wrong(`That are ${rows.length.toLocaleString("en-GB")} addresses; up to ${MOST.toLocaleString("en-GB")} can be added at once.`);
    return this.busy(async () => {
      const common = { ...this.options(form), priority: form.elements.priority.value, paused: form.elements.paused.checked };
      const sum = await this.documents.add(common);
      if (rows.length) {
        const told = await ask("POST", "/downloads/bulk", { body: { downloads: rows.map((uris) => ({ uris, ...common })) }, key: this.key });
        const known = told.added.filter((each) => each.known).length;
        sum.known += known;
        sum.added += told.added.length - known;
      }
      this.open.close();
      tell(sum.known ? `${count(sum.added, "download")} added; ${sum.known} were in the queue already.` : `${count(sum.added, "download")} added.`);
      this.added();
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
      this.documents.renewKeys();
      this.wrong(error.message);
    } finally {
      this.send.disabled = this.look.disabled = false;
    }
  }
}
