// The token: asked for once, and tried before anything else is shown.

import { ask, forgetToken, keepToken, sentence, token } from "./client.js";
import { find } from "./dom.js";

/** Resolves when there is a token that is good. `fault` says why the one before is not. */
export async function entered(fault = null) {
  let wrong = fault;
  if (token() !== null && !wrong) {
    try {
      await ask("GET", "/queue");
      return;
    } catch (problem) {
      wrong = problem.message;
      if (problem.status === 401) forgetToken();
    }
  }
  const form = find("entry-form");
  const field = find("entry-token");
  const told = find("entry-fault");
  const say = (text) => {
    told.hidden = !text;
    told.textContent = text ?? "";
    field.setAttribute("aria-invalid", String(Boolean(text)));
  };
  find("app").hidden = true;
  find("entry").hidden = false;
  field.value = "";
  say(wrong ? sentence(wrong) : null);
  field.focus();
  await new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      const said = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(said)) return say("That is no token: it has letters, digits, dashes and underscores only.");
      keepToken(said, { here: find("entry-here").checked });
      try {
        await ask("GET", "/queue");
        resolve();
      } catch (problem) {
        if (problem.status === 401 || problem.status === 403) forgetToken();
        say(problem.status === 401 ? "This token is not known here. “dlm token” on the daemon's machine shows the right one." : problem.message);
        field.select();
      }
      return undefined;
    };
  });
  form.onsubmit = null;
  field.value = "";
  find("entry").hidden = true;
}
