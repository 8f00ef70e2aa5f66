// Dialogs: the frame that all share, and the one that asks before something is lost.

import { button, el } from "./dom.js";

/** A dialog with this body; it is taken away when it closes. */
export function dialog(title, body, { kind = "", closed = () => {} } = {}) {
  const heading = el("h2", { text: title, id: "dialog-title" });
  const made = el("dialog", { class: `dialog ${kind}`.trim(), "aria-labelledby": "dialog-title" },
    el("header", {}, heading, button("close", "Close", () => made.close(), { quiet: true, shown: false })),
    body,
  );
  made.addEventListener("click", (event) => {
    // A click on the dialog itself is one beside its content: on the backdrop.
    const box = made.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (event.target === made && !inside) made.close();
  });
  made.addEventListener("close", () => {
    made.remove();
    closed();
  });
  document.body.append(made);
  made.showModal();
  return made;
}

/** Asks. Resolves to null, or to {ticked} when it was answered with yes. */
export function asked({ title, text, yes, tick = null }) {
  return new Promise((resolve) => {
    let answer = null;
    const box = tick ? el("input", { type: "checkbox" }) : null;
    const form = el("form", {},
      el("p", { text }),
      box ? el("label", { class: "tick" }, box, el("span", { text: tick })) : null,
      el("footer", {},
        button(null, "Keep", () => open.close(), { quiet: true }),
        el("button", { type: "submit", class: "button danger", text: yes }),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = { ticked: box?.checked ?? false };
      open.close();
    });
    const open = dialog(title, form, { kind: "small", closed: () => resolve(answer) });
    form.querySelector("footer .button").focus();
  });
}
