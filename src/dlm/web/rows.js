// The downloads that are listed, in order, as far as they were read: a page after the other, and what is on the screen again.

import { ask } from "./client.js";

const FIRST_PAGE = 100;
const PAGE = 1000;
const PATIENCE = 5000;
const LANES = ["now", "returning", "interactive", "automatic", "retry"];
const PRIORITIES = ["high", "normal", "low"];

export class Rows {
  constructor(changed) {
    this.changed = changed;
    this.ids = [];
    this.downloads = new Map();
    this.samples = new Map();
    this.query = { phases: null, text: "", sort: null };
    this.next = null;
    this.ended = false;
    this.loaded = false;
    this.generation = 0;
    this.reading = null;
    this.later = null;
  }

  /** Whether they stand in the order of the queue. */
  get queued() {
    return !this.query.sort && (this.query.phases?.includes("pending") ?? false);
  }

  at(index) {
    return this.downloads.get(this.ids[index]);
  }

  async show(query) {
    this.query = query;
    this.ids = [];
    this.loaded = false;
    this.ended = false;
    this.changed();
    await this.reload();
  }

  /** Everything anew; what is shown stays until the answer is there. */
  async reload() {
    const generation = ++this.generation;
    this.reading = null;
    const found = await this.page(null, this.queued ? PAGE : FIRST_PAGE);
    let next = found.next;
    const all = found.downloads;
    while (this.queued && next !== null && generation === this.generation) {
      const more = await this.page(next, PAGE);
      all.push(...more.downloads);
      next = more.next;
    }
    if (generation !== this.generation) return;
    if (this.queued) all.sort(inQueue(new Map(all.map((each, index) => [each.download_id, -index]))));
    this.take(all);
    this.ids = all.map((each) => each.download_id);
    this.next = next;
    this.ended = next === null;
    this.loaded = true;
    this.forget();
    this.changed();
  }

  page(before, limit) {
    const query = { limit };
    if (this.query.phases) query.phase = this.query.phases.join(",");
    if (this.query.text) query.text = this.query.text;
    if (this.query.sort) query.sort = this.query.sort;
    if (before) query.before = before;
    return ask("GET", "/downloads", { query });
  }

  /** Reads on until `index` is there, or there is no more. */
  async reach(index) {
    while (this.reading) await this.reading;
    if (this.ended || !this.loaded || index < this.ids.length) return undefined;
    this.reading = this.readOn(index, this.generation).finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  async readOn(index, generation) {
    while (!this.ended && this.ids.length <= index) {
      const limit = index - this.ids.length > FIRST_PAGE ? PAGE : 2 * FIRST_PAGE;
      const found = await this.pageBehind(limit);
      if (found === null || generation !== this.generation) return;
      this.take(found.downloads);
      const known = new Set(this.ids);
      this.ids.push(...found.downloads.map((each) => each.download_id).filter((id) => !known.has(id)));
      this.next = found.next;
      this.ended = found.next === null;
      this.changed();
    }
  }

  /** The page behind what was read; null when the row that it began behind is gone, and all is read anew. */
  async pageBehind(limit) {
    try {
      return await this.page(this.next ?? this.ids.at(-1) ?? null, limit);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      await this.reload();
      return null;
    }
  }

  /** What stands from `first` on, as it is now: rows may have come, gone or changed while nobody looked. */
  async renew(first, count) {
    if (this.queued && this.ids.length > PAGE) return this.reloadLater();
    if (!this.loaded || this.queued || first === 0 && this.ids.length <= FIRST_PAGE) return this.reload();
    const generation = this.generation;
    const start = Math.min(first, Math.max(0, this.ids.length - 1));
    let found;
    try {
      found = await this.page(start > 0 ? this.ids[start - 1] : null, Math.max(count, 20));
    } catch (problem) {
      if (problem.status === 404) return this.reload();
      throw problem;
    }
    if (generation !== this.generation || this.reading) return undefined;
    this.take(found.downloads);
    const fresh = found.downloads.map((each) => each.download_id);
    const last = fresh.length ? this.ids.indexOf(fresh.at(-1)) : -1;
    const kept = found.next === null ? [] : last >= start ? this.ids.slice(last + 1) : [];
    this.ended = found.next === null || (this.ended && last >= start);
    if (!kept.length) this.next = found.next;
    this.ids = [...this.ids.slice(0, start), ...fresh, ...kept];
    this.changed();
    return undefined;
  }

  /** A long queue is many pages: it is not read again each time that something starts. */
  reloadLater() {
    this.later ??= setTimeout(() => {
      this.later = null;
      this.reload().catch(() => {});
    }, PATIENCE);
  }

  take(downloads) {
    for (const each of downloads) this.apply(each);
  }

  /** A newer state of one. */
  apply(download) {
    this.downloads.set(download.download_id, download);
    if (download.phase !== "running") this.samples.delete(download.download_id);
  }

  sample(event) {
    this.samples.set(event.download_id, event);
  }

  remove(ids) {
    const gone = new Set(ids);
    this.ids = this.ids.filter((id) => !gone.has(id));
    for (const id of gone) {
      this.downloads.delete(id);
      this.samples.delete(id);
    }
    this.changed();
  }

  /** Lets go of what is listed no longer. */
  forget() {
    const listed = new Set(this.ids);
    for (const id of this.downloads.keys()) {
      if (!listed.has(id)) this.downloads.delete(id);
    }
  }
}

function inQueue(ages) {
  const rank = (each) => [
    each.phase === "pending" ? 0 : 1,
    each.phase === "pending" ? 0 : (each.due ?? Infinity),
    LANES.indexOf(each.lane),
    PRIORITIES.indexOf(each.priority),
    each.position ?? Infinity,
    ages.get(each.download_id),
  ];
  const ranks = new Map();
  const rankOf = (each) => {
    if (!ranks.has(each)) ranks.set(each, rank(each));
    return ranks.get(each);
  };
  return (one, other) => {
    const left = rankOf(one);
    const right = rankOf(other);
    for (let index = 0; index < left.length; index += 1) {
      if (left[index] !== right[index]) return left[index] < right[index] ? -1 : 1;
    }
    return 0;
  };
}
