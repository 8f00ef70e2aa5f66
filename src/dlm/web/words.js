// Numbers and states in words. Nothing here touches the page.

// Made once: each takes longer than a row of the list.
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_AND_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium" });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "not known";
  let number = bytes;
  let unit = 0;
  while (Math.abs(number) >= 1024 && unit < UNITS.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${UNITS[unit]}`;
}

export const rate = (bytes) => `${size(bytes)}/s`;

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export function clock(seconds) {
  const when = new Date(seconds * 1000);
  const time = when.toLocaleTimeString("en-GB");
  return when.toDateString() === new Date().toDateString() ? time : `${when.toLocaleDateString("en-GB")}, ${time}`;
}

/** A moment in few words: the time of today, else the day. */
export function when(seconds) {
  const then = new Date(seconds * 1000);
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return TIME.format(then);
  return (then.getFullYear() === now.getFullYear() ? DAY : DAY_AND_YEAR).format(then);
}

const soon = (seconds) => {
  const time = TIME.format(seconds * 1000);
  return when(seconds) === time ? `at ${time}` : `${when(seconds)}, ${time}`;
};

/** Why it failed, without the address that stands beside it anyway. */
export function shortly(download) {
  const { message } = download.error;
  const rest = message.startsWith(download.uri) ? message.slice(download.uri.length).trim() : "";
  return rest ? rest[0].toUpperCase() + rest.slice(1) : message;
}

export const full = (seconds) => MOMENT.format(seconds * 1000);

/** Bytes a second in `500K`, `5M`, `1.5 MiB/s`; null for no limit; undefined for what makes no sense. */
export function parseRate(text) {
  const said = text.trim().toLowerCase();
  if (said === "" || said === "0" || said === "none") return null;
  const match = /^(\d{1,12}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?(?:\/s|ps)?$/.exec(said);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * 1024 ** " kmgt".indexOf(match[2] || " "));
}

export function nameOf(download) {
  if (download.name || download.output) return download.name || download.output;
  try {
    const last = new URL(download.uri).pathname.split("/").filter(Boolean).pop();
    return last ? decodeURIComponent(last) : download.uri;
  } catch {
    return download.uri;
  }
}

export function hostOf(uri) {
  try {
    return new URL(uri).host || uri;
  } catch {
    return uri;
  }
}

export const FILTERS = [
  { name: "all", words: "All", phases: null },
  { name: "active", words: "Active", phases: ["scheduled", "running", "completing"] },
  { name: "waiting", words: "Waiting", phases: ["pending", "waiting"] },
  { name: "paused", words: "Paused", phases: ["paused"] },
  { name: "failed", words: "Failed", phases: ["failed", "cancelled"], ended: true },
  { name: "finished", words: "Finished", phases: ["completed"], ended: true },
];

const STATUS = {
  pending: "In the queue",
  scheduled: "Starting",
  running: "Downloading",
  completing: "Finishing",
  paused: "Paused",
  completed: "Finished",
  failed: "Failed",
  cancelled: "Cancelled",
  pausing: "Pausing",
  cancelling: "Cancelling",
};

export function statusOf(download) {
  if (download.status !== "waiting") return STATUS[download.status] ?? download.status;
  if (download.due === null) return "Waits for the network";
  return download.attempts > 0 ? "Tries again soon" : `Starts ${soon(download.due)}`;
}

/** The kind of state, which chooses the colour: moving, waiting, still, bad or good. */
export function kindOf(download) {
  if (download.phase === "failed") return "bad";
  if (download.phase === "completed") return "good";
  if (["scheduled", "running", "completing"].includes(download.phase)) return "moving";
  if (["paused", "cancelled"].includes(download.phase)) return "still";
  return "waiting";
}

export function share(download, sample) {
  if (download.phase === "completed") return 1;
  const total = sample?.total ?? download.size;
  const have = sample?.downloaded ?? download.downloaded;
  return total ? Math.min(1, have / total) : 0;
}

/** How far it is, in words: `12.0 MiB of 40.0 MiB`. */
export function amount(download, sample) {
  const total = sample?.total ?? download.size;
  const have = sample?.downloaded ?? download.downloaded;
  if (download.phase === "completed") return size(total ?? have);
  if (total === null || total === undefined) return have ? `${size(have)} so far` : "";
  return have ? `${size(have)} of ${size(total)}` : size(total);
}

export function left(sample) {
  const eta = sample?.eta_secs;
  return eta === null || eta === undefined ? "" : `${duration(eta)} left`;
}

export const VERIFICATION = {
  verified: "A checksum matches",
  consistent: "Complete, and all of one version",
  unverified: "There was nothing to compare it with",
};

const CAUSES = {
  claimed: "A slot was free",
  started: "The transfer began",
  transferred: "Every byte has come",
  published: "The file has its name",
  deferred: "It is not to start before its time",
  backed_off: "It failed and will be tried again",
  disconnected: "The network was lost",
  due: "Its time had come",
  preempted: "It made room for a more urgent one",
  halted: "It was paused",
  resumed: "It was resumed",
  cancelled: "It was cancelled",
  erred: "It failed for good",
  retried: "It was tried again on request",
  yielded: "It went back to the queue",
};

export const causeOf = (step) => CAUSES[step.cause] ?? step.cause;

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;
