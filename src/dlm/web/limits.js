// The limit of all together, as a slider whose right end is none.

import { ask } from "./client.js";
import { el, say } from "./dom.js";
import { attempt, tell } from "./notices.js";
import { rate } from "./words.js";

const K = 1024;
export const STOPS = [64, 128, 256, 512, K, 2 * K, 3 * K, 5 * K, 8 * K, 12 * K, 20 * K, 32 * K, 50 * K, 100 * K].map((each) => each * K);

export class Limits {
  constructor(place) {
    this.words = el("output", { for: "limit-range" });
    this.range = el("input", {
      id: "limit-range", type: "range", min: 0, max: STOPS.length, step: 1, "aria-label": "Limit of all downloads together",
      oninput: () => this.say(this.chosen()),
      onchange: () => this.set(this.chosen()),
    });
    place.append(el("label", { for: "limit-range" }, el("span", { text: "Speed limit" }), this.words), this.range);
    this.show(null);
  }

  chosen() {
    return STOPS[Number(this.range.value)] ?? null;
  }

  say(limit) {
    const words = limit === null ? "No limit" : rate(limit);
    say(this.words, words);
    this.range.setAttribute("aria-valuetext", words);
    this.range.style.setProperty("--part", `${(100 * Number(this.range.value)) / STOPS.length}%`);
  }

  show(limit) {
    const nearest = limit === null ? STOPS.length : STOPS.reduce((best, stop, index) =>
      Math.abs(Math.log(stop / limit)) < Math.abs(Math.log(STOPS[best] / limit)) ? index : best, 0);
    this.range.value = String(nearest);
    this.say(limit);
  }

  async load() {
    const told = await ask("GET", "/limits");
    if (document.activeElement !== this.range) this.show(told.total);
  }

  async set(limit) {
    const told = await attempt(() => ask("PUT", "/limits", { body: { rate: limit } }));
    if (!told) return void attempt(() => this.load());
    this.show(told.total);
    tell(told.total === null ? "There is no limit now." : `All together keep to ${rate(told.total)} now.`);
    return undefined;
  }
}
