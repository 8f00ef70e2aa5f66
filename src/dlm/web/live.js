// Live events: one WebSocket, narrowed to what is on the screen, opened again when it is lost.

import { token } from "./client.js";

const FIRST = 500;
const MOST = 15_000;

export class Live {
  /** `heard` gets each event; `changed` gets "open", "lost" or "refused". */
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    this.ids = [];
    this.failures = 0;
    this.timer = 0;
    this.socket = null;
    this.wanted = false;
    window.addEventListener("online", () => this.wanted && !this.isOpen && this.connect());
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.timer);
    this.wanted = true;
    this.drop();
    const address = new URL("/api/v1/events", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("ids", this.ids.slice(0, 500).join(","));
    const socket = new WebSocket(address, ["dlm.v1", `dlm.token.${token()}`]);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.failures = 0;
      this.tell();
      this.changed("open");
    });
    socket.addEventListener("message", (message) => this.heard(JSON.parse(message.data)));
    socket.addEventListener("close", () => {
      if (socket !== this.socket) return;
      this.socket = null;
      this.changed("lost");
      const wait = Math.min(MOST, FIRST * 2 ** this.failures);
      this.failures += 1;
      // Spread, so that many pages do not all come back in the same moment.
      this.timer = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
    });
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  end() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.drop();
  }

  /** From now on about these downloads only. */
  watch(ids) {
    if (ids.length === this.ids.length && ids.every((id, number) => id === this.ids[number])) return;
    this.ids = ids;
    this.tell();
  }

  tell() {
    if (this.isOpen) this.socket.send(JSON.stringify({ ids: this.ids.slice(0, 2000) }));
  }
}
