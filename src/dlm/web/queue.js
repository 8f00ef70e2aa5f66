// The queue in numbers, and when to look again: the events that come are only about what is on the screen.

import { ask } from "./client.js";
import { settled } from "./dom.js";

const LOOK = 4000;

export class Queue {
  /** `counted()` is told of newer numbers, `moved()` that what is listed may have changed, `failed(problem)` of no answer. */
  constructor(counted, moved, failed) {
    this.counted = counted;
    this.moved = moved;
    this.failed = failed;
    this.phases = {};
    this.speed = 0;
    this.active = 0;
    this.timer = 0;
    this.soon = settled(() => this.look().catch(this.failed), 250, 1000);
  }

  start() {
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      if (!document.hidden) this.look().catch(this.failed);
    }, LOOK);
  }

  stop() {
    clearInterval(this.timer);
  }

  async look() {
    const told = await ask("GET", "/queue");
    const before = JSON.stringify(this.phases);
    this.phases = told.phases;
    this.speed = told.speed;
    this.active = told.active;
    this.counted();
    if (JSON.stringify(told.phases) !== before) this.moved();
  }

  /** Once a second while something moves, told by the daemon. */
  metrics(event) {
    const changed = event.active !== this.active || event.queued !== this.count(["pending", "scheduled", "waiting"]);
    this.speed = event.avg_speed;
    this.active = event.active;
    this.counted();
    if (changed) this.soon();
  }

  count(phases) {
    return (phases ?? Object.keys(this.phases)).reduce((sum, phase) => sum + (this.phases[phase] ?? 0), 0);
  }
}
