// Elements, made from text that is never read as markup.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  add: "M12 5v14M5 12h14",
  cancel: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M6 6l12 12",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  down: "M12 4v12m-5-5l5 5 5-5M5 20h14",
  gear: "M4 7h9m5 0h2M4 17h2m5 0h9M15.500 4.500a2.500 2.500 0 1 1 0 5a2.500 2.500 0 0 1 0-5M8.500 14.500a2.500 2.500 0 1 1 0 5a2.500 2.500 0 0 1 0-5",
  help: "M9 9.200a3 3 0 1 1 4.400 2.600c-.9.5-1.400 1-1.400 2M12 17.500v.1",
  moon: "M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500z",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.500v13l10.500-6.500z",
  remove: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5",
  retry: "M19 12a7 7 0 1 1-2.200-5.100M19.500 3.500v4.300h-4.300",
  sorted: "M12 18V6m-5 5l5-5 5 5",
  search: "M11 5a6 6 0 1 1 0 12a6 6 0 0 1 0-12M15.500 15.500L20 20",
  leave: "M14 5H6v14h8M10 12h10m-3.500-3.500L20 12l-3.500 3.500",
};

/** An element. `props`: class, text, on… listeners, and attributes (true is empty, false and null are left out). */
export function el(name, props = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") made.className = value;
    else if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

/** A drawn sign, for the eye only. */
export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawn.append(path);
  return drawn;
}

/** A button with a sign, and words that are shown or only told. */
export function button(sign, words, onclick, { quiet = false, shown = true, kind = "", key = null } = {}) {
  const made = el("button", {
    type: "button",
    class: `button ${quiet ? "quiet " : ""}${shown ? "" : "bare "}${kind}`.trim(),
    title: key ? `${words} (${key})` : shown ? null : words,
    "aria-label": shown ? null : words,
    "aria-keyshortcuts": key,
    onclick,
  });
  if (sign) made.append(icon(sign));
  if (shown) made.append(el("span", { text: words }));
  return made;
}

/** Changes text only where it differs, so that nothing is laid out for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const find = (id) => document.getElementById(id);

/** Calls `run` once, `wait` milliseconds after the last time it was wanted, and at the latest `most` after the first. */
export function settled(run, wait, most = wait * 4) {
  let timer = 0;
  let first = 0;
  return () => {
    const now = performance.now();
    if (!timer) first = now;
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      run();
    }, Math.max(0, Math.min(wait, first + most - now)));
  };
}
