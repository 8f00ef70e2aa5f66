// The keyboard. What each key does is told in settings.js, under “Keys”.

const typing = (target) => target.matches?.("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]");

/** `page` has: list, act(name), filter(number), search(), add(), keys(), limit(), theme(), open(), close(), shift(step). */
export function listen(page) {
  const { list } = page;
  const steps = () => ({
    ArrowDown: list.cursorIndex + 1,
    ArrowUp: Math.max(0, list.cursorIndex - 1),
    PageDown: list.cursorIndex + list.perScreen,
    PageUp: Math.max(0, list.cursorIndex - list.perScreen),
    Home: 0,
    End: list.rows.ids.length - 1,
  });
  const plain = {
    a: () => page.add(),
    "/": () => page.search(),
    "?": () => page.keys(),
    p: () => page.act("pause"),
    r: () => page.act("resume"),
    c: () => page.act("cancel"),
    l: () => page.limit(),
    t: () => page.theme(),
    Delete: () => page.act("remove"),
    Escape: () => page.close(),
  };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.defaultPrevented || page.hidden()) return;
    const { key } = event;
    if (typing(event.target)) {
      if (key === "Escape") event.target.blur();
      return;
    }
    const onList = event.target === list.grid || event.target === document.body;
    let run = null;
    if (event.altKey && onList && (key === "ArrowUp" || key === "ArrowDown")) run = () => page.shift(key === "ArrowUp" ? -1 : 1);
    else if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "a" && onList) run = () => list.chooseAll();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (onList && key in steps()) run = () => list.goTo(steps()[key], { extend: event.shiftKey, choose: event.shiftKey });
    else if (onList && key === " ") run = () => list.choose(list.cursorIndex, { toggle: true });
    else if (onList && key === "Enter") run = () => page.open();
    else if (/^[1-6]$/.test(key)) run = () => page.filter(Number(key) - 1);
    else run = plain[key] ?? plain[key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
  });
}
