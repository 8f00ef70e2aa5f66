// The daemon over HTTP: the token, requests, and errors as sentences.

const KEY = "dlm.token";
const ROOT = "/api/v1";

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let shut = () => {};

/** `run` is called when the token turns out to be worth nothing. */
export function whenShut(run) {
  shut = run;
}

export const token = () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);

export function keepToken(text, { here }) {
  forgetToken();
  (here ? localStorage : sessionStorage).setItem(KEY, text);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

/** What the daemon answers. Throws `Problem`; its status is 0 when dlm cannot be reached. */
export async function ask(method, path, { body, query, key } = {}) {
  const headers = { Authorization: `Bearer ${token() ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const search = query ? `?${new URLSearchParams(query)}` : "";
  let reply;
  let text;
  try {
    reply = await fetch(ROOT + path + search, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    text = await reply.text();
  } catch {
    throw new Problem(0, "dlm does not answer. Is it still running?");
  }
  const told = parsed(text);
  if (reply.ok && (told !== null || text === "")) return told;
  if (reply.ok) throw new Problem(reply.status, "What answers here is not dlm, or its answer broke off.");
  if (reply.status === 401) shut(told?.detail);
  throw new Problem(reply.status, sentence(told?.detail ?? `dlm answered ${reply.status}`));
}

/** What a proxy answers in dlm's place need not be JSON. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** As a sentence: with a capital, and a full stop. */
export function sentence(text) {
  const said = text.trim();
  const capital = /^[a-z]+\b(?![:/.@_])/.test(said) ? said[0].toUpperCase() + said.slice(1) : said;
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** A fresh key, with which a request that is sent twice is carried out once. */
export function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
