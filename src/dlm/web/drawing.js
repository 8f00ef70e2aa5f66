// What is drawn: the map of a file's segments, and the speed of the last minutes.

import { rate, size } from "./words.js";

const CELL = 9;
const GAP = 2;
export const ROWS = 8;
export const HUES = 8;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const hueOf = (number) => number % HUES;

function fitted(canvas, height) {
  const width = canvas.clientWidth || 320;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width];
}

/** For each of `cells` equal parts of the file, how much of it the spans cover, from 0 to 1. */
export function covered(spans, total, cells) {
  const part = total / cells;
  const sums = new Float64Array(cells);
  for (const [start, stop] of spans) {
    const last = Math.min(cells - 1, Math.ceil(stop / part) - 1);
    for (let cell = Math.floor(start / part); cell <= last; cell += 1) {
      sums[cell] += (Math.min(stop, (cell + 1) * part) - Math.max(start, cell * part)) / part;
    }
  }
  return sums;
}

/** How many squares stand side by side. */
export const columnsOf = (canvas) => Math.max(8, Math.floor(((canvas.clientWidth || 320) + GAP) / (CELL + GAP)));

/** The file from its first byte (top left) to its last: what is there, and where each connection is at work. */
export function drawMap(canvas, { total, done, connections }) {
  const width = canvas.clientWidth || 320;
  const columns = columnsOf(canvas);
  const step = (width + GAP) / columns;
  const cells = columns * ROWS;
  const [pen] = fitted(canvas, ROWS * step - GAP);
  if (!total) return;
  const have = covered(done, total, cells);
  const leased = new Int16Array(cells).fill(-1);
  const heads = new Set();
  const cellOf = (byte) => Math.max(0, Math.min(cells - 1, Math.floor((byte / total) * cells)));
  for (const each of connections) {
    for (let cell = cellOf(each.start); cell <= cellOf(Math.max(each.start, each.stop - 1)); cell += 1) leased[cell] = hueOf(each.number);
    heads.add(cellOf(each.position));
  }
  const [track, full] = [colour("--track"), colour("--done")];
  const hues = Array.from({ length: HUES }, (_, hue) => colour(`--hue-${hue}`));
  const box = (cell, inset = 0) => {
    const x = (cell % columns) * step;
    const y = Math.floor(cell / columns) * step;
    pen.beginPath();
    pen.roundRect(x + inset, y + inset, step - GAP - 2 * inset, step - GAP - 2 * inset, 2);
  };
  for (let cell = 0; cell < cells; cell += 1) {
    const hue = leased[cell];
    box(cell);
    pen.globalAlpha = 1;
    pen.fillStyle = track;
    pen.fill();
    if (hue >= 0) {
      pen.globalAlpha = 0.28;
      pen.fillStyle = hues[hue];
      pen.fill();
    }
    if (have[cell] > 0) {
      pen.globalAlpha = Math.max(0.25, Math.min(1, have[cell]));
      pen.fillStyle = hue >= 0 ? hues[hue] : full;
      pen.fill();
    }
    if (heads.has(cell)) {
      pen.globalAlpha = 1;
      pen.strokeStyle = colour("--ink");
      pen.lineWidth = 1.5;
      box(cell, 0.75);
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
  const there = done.reduce((sum, [start, stop]) => sum + stop - start, 0);
  canvas.setAttribute("aria-label", `Map of the file: ${size(there)} of ${size(total)} are there, ${connections.length} connections at work`);
}

/** Speeds [seconds, bytes a second], oldest first, over the last `span` seconds. */
export function drawSpeed(canvas, points, span, now) {
  const height = 96;
  const [pen, width] = fitted(canvas, height);
  const shown = points.filter(([at]) => at >= now - span);
  const top = niceTop(Math.max(1024, ...shown.map(([, speed]) => speed)));
  const [floor, roof] = [height - 4, 16];
  const x = (at) => width - ((now - at) / span) * width;
  const y = (speed) => floor - (speed / top) * (floor - roof);
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  for (const level of [0, 0.5, 1]) {
    pen.beginPath();
    pen.moveTo(0, Math.round(y(top * level)) + 0.5);
    pen.lineTo(width, Math.round(y(top * level)) + 0.5);
    pen.stroke();
  }
  pen.fillStyle = colour("--soft");
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.fillText(rate(top), 0, 11);
  if (shown.length > 1) {
    pen.beginPath();
    shown.forEach(([at, speed], index) => (index ? pen.lineTo(x(at), y(speed)) : pen.moveTo(x(at), y(speed))));
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = 2;
    pen.lineJoin = "round";
    pen.stroke();
    pen.lineTo(x(shown.at(-1)[0]), floor);
    pen.lineTo(x(shown[0][0]), floor);
    pen.globalAlpha = 0.14;
    pen.fillStyle = colour("--accent");
    pen.fill();
    pen.globalAlpha = 1;
  }
  const last = shown.at(-1);
  canvas.setAttribute("aria-label", last ? `Speed: ${rate(last[1])} now, ${rate(Math.max(...shown.map(([, speed]) => speed)))} at most` : "Speed: nothing has moved lately");
}

function niceTop(most) {
  const power = 2 ** Math.floor(Math.log2(most));
  return [1, 1.25, 1.5, 2].map((factor) => factor * power).find((top) => top >= most);
}
