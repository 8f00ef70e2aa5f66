// Short notices at the edge of the page, and the banner for what lasts.

import { button, el, find, say } from "./dom.js";

const SHOWN = 6000;
const MOST = 4;

/** Tells something. What went wrong stays until it is closed. */
export function tell(text, { wrong = false } = {}) {
  const place = find("notices");
  const notice = el("div", { class: `notice${wrong ? " wrong" : ""}`, role: wrong ? "alert" : "status" }, el("p", { text }));
  notice.append(button("close", "Close this notice", () => notice.remove(), { quiet: true, shown: false }));
  for (const each of [...place.children]) {
    if (each.firstChild.textContent === text) each.remove();
  }
  while (place.children.length >= MOST) place.firstChild.remove();
  place.append(notice);
  if (!wrong) setTimeout(() => notice.remove(), SHOWN);
}

/** What holds until it is called with nothing. */
export function banner(text) {
  const place = find("banner");
  place.hidden = !text;
  say(place, text ?? "");
}

/** Runs it, and tells why it failed if it did. The answer, or undefined. */
export async function attempt(run) {
  try {
    return await run();
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    if (problem.status !== 401) tell(problem.message, { wrong: true });
    return undefined;
  }
}
