// Lists that others have written: sent to the daemon, which reads them, and shown before anything of them is added.

import { ask, freshKey } from "./client.js";
import { button, el, say, settled } from "./dom.js";
import { count, hostOf, parseRate, size } from "./words.js";

const LARGEST = 11 * 1024 * 1024;
const LARGEST_RECORDING = 256 * 1024 * 1024;
const SHOWN = 50;
const RECORDING = /^\s*\{\s*"log"\s*:/;
const FOREIGN = [/^\s*(\$ )?(\S*\/)?curl(\.exe)?\s/, /^\s*<(\?xml|([A-Za-z][\w.-]*:)?metalink[\s>])/, RECORDING];

/** Whether a text that was pasted or dropped is a document, and not addresses. */
export const isDocument = (text) => FOREIGN.some((each) => each.test(text));

export class Documents {
  /** `changed()` is told that there are more, or fewer. */
  constructor(changed) {
    this.changed = changed;
    this.all = [];
    this.element = el("div", { class: "documents", "aria-live": "polite" });
  }

  get number() {
    return this.all.reduce((sum, each) => sum + each.told.found.length, 0);
  }

  /** Reads a file. Throws an Error that says what is wrong with it. */
  async takeFile(file) {
    const recording = /\.har$/i.test(file.name);
    if (file.size > (recording ? LARGEST_RECORDING : LARGEST)) {
      throw new Error(`“${file.name}” has ${size(file.size)}: that is too much for a list. If it is one, dlm import reads it where dlm runs.`);
    }
    await this.take(file.name, recording ? slim(await file.text()) : new Uint8Array(await file.arrayBuffer()));
  }

  takeText(text) {
    return this.take("the pasted text", RECORDING.test(text) ? slim(text) : new TextEncoder().encode(text));
  }

  async take(name, bytes) {
    if (bytes.length > LARGEST) throw new Error(`“${name}” has ${size(bytes.length)}: that is too much for a list.`);
    const document = { name, content: base64(bytes), types: [], least: 0, key: freshKey() };
    document.told = await this.read(document, { dry_run: true });
    if (!document.told.found.length && document.told.format !== "har") {
      throw new Error(`Nothing of “${name}” can be added: ${document.told.left_out[0]?.why ?? "it names no address"}.`);
    }
    this.all.push(document);
    this.draw();
  }

  read(document, options, key = null) {
    const body = { name: document.name, content: document.content, types: document.types, min_size: document.least, ...options };
    return ask("POST", "/imports", { body, key });
  }

  /** Adds all of them. Each that is added leaves, so that none is added twice when a later one is refused. */
  async add(options) {
    const sum = { added: 0, known: 0 };
    while (this.all.length) {
      const told = await this.read(this.all[0], options, this.all[0].key);
      sum.added += told.added;
      sum.known += told.known;
      this.all.shift();
      this.draw();
    }
    return sum;
  }

  /** After a refusal: the same document again is another request. */
  renewKeys() {
    for (const each of this.all) each.key = freshKey();
  }

  draw() {
    this.element.replaceChildren(...this.all.map((each) => this.drawn(each)));
    this.changed();
  }

  drawn(document) {
    const head = el("strong");
    const body = el("div", { class: "contents" });
    const fill = () => {
      say(head, title(document));
      body.replaceChildren(...contents(document.told));
      this.changed();
    };
    fill();
    return el("section", { class: "document", "aria-label": document.name },
      el("header", {}, head, button("close", `Leave out ${document.name}`, () => {
        this.all = this.all.filter((each) => each !== document);
        this.draw();
      }, { quiet: true, shown: false })),
      document.told.format === "har" ? this.choosing(document, fill) : null,
      body,
    );
  }

  /** A recording holds all that a page has loaded: which of it is wanted. */
  choosing(document, fill) {
    const types = el("input", { type: "text", placeholder: "such as video/*, application/zip", spellcheck: "false" });
    const least = el("input", { type: "text", placeholder: "such as 500K", spellcheck: "false" });
    const fault = el("p", { class: "fault", role: "alert" });
    const again = settled(async () => {
      const bytes = parseRate(least.value);
      if (bytes === undefined) return say(fault, "The size makes no sense: write such as 500K or 5M.");
      document.types = types.value.split(/[,;\s]+/).filter(Boolean);
      document.least = bytes ?? 0;
      try {
        document.told = await this.read(document, { dry_run: true });
        say(fault, "");
      } catch (problem) {
        say(fault, problem.message);
      }
      return fill();
    }, 300);
    for (const each of [types, least]) each.addEventListener("input", again);
    return el("div", { class: "pair" }, el("label", { class: "field" }, "Only these types", types), el("label", { class: "field" }, "Of this size or more", least), fault);
  }
}

function title({ name, told }) {
  const known = told.found.map((each) => each.size).filter((each) => each !== null);
  const bytes = known.reduce((sum, each) => sum + each, 0);
  const hosts = [...new Set(told.found.map((each) => hostOf(each.uri)))];
  const facts = [count(told.found.length, "download")];
  if (known.length) facts.push(known.length === told.found.length ? size(bytes) : `${size(bytes)} and more`);
  if (hosts.length) facts.push(hosts.length === 1 ? `from ${hosts[0]}` : `from ${hosts.length} hosts`);
  return `${name}: ${facts.join(", ")}`;
}

function contents(told) {
  const rows = told.found.slice(0, SHOWN).map((each) => el("li", { title: each.uri },
    el("bdi", { class: "name", text: each.name }),
    el("span", { class: "soft", text: [each.size === null ? "" : size(each.size), hostOf(each.uri), each.mirrors > 1 ? `${each.mirrors} mirrors` : "", each.checksum ?? ""].filter(Boolean).join("  ·  ") })));
  const rest = told.found.length - rows.length;
  const secret = told.found.filter((each) => each.secrets).length;
  return [
    el("ul", {}, ...rows, rest > 0 ? el("li", { class: "soft", text: `and ${rest.toLocaleString("en-GB")} more` }) : null),
    secret ? el("p", { class: "hint", text: `${secret === told.found.length ? "They come" : `${count(secret, "comes", "come")}`} with cookies, passwords or headers of their own. These are kept, and never shown.` }) : null,
    ...told.left_out.map((each) => el("p", { class: "hint", text: `Left out, ${each.count.toLocaleString("en-GB")}: ${each.why}${each.what ? ` (${each.what}${each.count > 1 ? ", …" : ""})` : ""}.` })),
  ].filter(Boolean);
}

/** A recording without the bodies of the replies, which nobody needs here and which are most of it. */
function slim(text) {
  let recording;
  try {
    recording = JSON.parse(text);
    for (const each of recording.log.entries) delete each?.response?.content?.text;
  } catch {
    return new TextEncoder().encode(text);
  }
  return new TextEncoder().encode(JSON.stringify(recording));
}

function base64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(text);
}
