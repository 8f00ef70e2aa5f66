// What is done to downloads: orders, removal, moving in the queue.

import { ask, sentence } from "./client.js";
import { asked } from "./dialogs.js";
import { attempt, tell } from "./notices.js";
import { count, nameOf } from "./words.js";

const AT_ONCE = 1000;
const DONE = { pause: "paused", resume: "resumed", retry: "queued again", cancel: "cancelled" };

export class Actions {
  /** `changed(downloads)` and `removed(ids)` are told what came of it. */
  constructor(changed, removed) {
    this.changed = changed;
    this.removed = removed;
  }

  async order(order, ids, { now = false } = {}) {
    await attempt(async () => {
      const answers = [];
      for (const some of chunks(ids)) {
        const told = await ask("POST", "/orders", { body: { order, ids: some, now } });
        answers.push(...told.ordered);
      }
      this.changed(answers.map((each) => each.download));
      const refused = answers.filter((each) => each.refusal);
      if (ids.length > 1) tell(`${count(answers.length - refused.length, "download")} ${DONE[order]}.`);
      if (refused.length === 1) tell(`${nameOf(refused[0].download)}: ${sentence(refused[0].refusal)}`, { wrong: true });
      else if (refused.length) tell(`${refused.length} could not be ${DONE[order]}. The first: ${sentence(refused[0].refusal)}`, { wrong: true });
    });
  }

  async cancel(ids, downloads) {
    const what = ids.length === 1 ? `“${nameOf(downloads[0])}”` : count(ids.length, "download");
    const sure = await asked({
      title: "Cancel?",
      text: `${what} will be given up and what has come of it deleted. It stays in the list, and can be tried again.`,
      yes: "Cancel it",
    });
    if (sure) await this.order("cancel", ids);
  }

  async remove(ids, downloads) {
    const what = ids.length === 1 ? `“${nameOf(downloads[0])}”` : count(ids.length, "download");
    const sure = await asked({
      title: "Remove from the list?",
      text: `${what} will be forgotten. Unfinished files are deleted; finished ones stay where they are.`,
      tick: "Delete the finished files as well",
      yes: "Remove",
    });
    if (!sure) return;
    await attempt(async () => {
      const answers = [];
      for (const some of chunks(ids)) {
        const told = await ask("POST", "/removals", { body: { ids: some, delete_files: sure.ticked } });
        answers.push(...told.ordered);
      }
      const refused = answers.filter((each) => each.refusal);
      this.removed(answers.filter((each) => !each.refusal).map((each) => each.download.download_id));
      if (refused.length) tell(`${nameOf(refused[0].download)}: ${sentence(refused[0].refusal)}`, { wrong: true });
      else tell(`${count(ids.length, "download")} removed.`);
    });
  }

  async quick(download) {
    const ids = [download.download_id];
    if (download.phase === "completed") await this.remove(ids, [download]);
    else if (download.phase === "paused") await this.order("resume", ids);
    else if (["failed", "cancelled"].includes(download.phase)) await this.order("retry", ids);
    else await this.order("pause", ids);
  }

  async move(id, position) {
    const standing = await attempt(() => ask("POST", `/downloads/${id}/move`, { body: { position } }));
    if (standing) tell(`It is number ${standing.position} of ${standing.of} in the queue.`);
  }
}

function* chunks(ids) {
  for (let start = 0; start < ids.length; start += AT_ONCE) yield ids.slice(start, start + AT_ONCE);
}
