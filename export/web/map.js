// The 2-D map: real codes as their labels, a cross at the code that is shown. Drag, or arrow keys.
import { colour, fitToScreen } from "./picture.js";

// Hue of each label; lightness comes from the colour scheme, so that both have enough contrast.
const HUES = [355, 28, 48, 95, 150, 178, 205, 228, 265, 310];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEPS_ACROSS = 40; // presses of an arrow key from edge to edge

export class LatentMap {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(position: number[]) => void} onMove is called with [u, v] while the cross is moved.
   */
  constructor(canvas, onMove) {
    this.canvas = canvas;
    this.onMove = onMove;
    this.points = [];
    this.position = [0, 0];
    this.reach = 1;
    canvas.addEventListener("pointerdown", (event) => this.drag(event));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** @param {number[][]} points [u, v, label or null] of real codes. */
  show(points) {
    this.points = points;
    this.reach = 1.08 * Math.max(1e-6, ...points.map(([u, v]) => Math.max(Math.abs(u), Math.abs(v))));
    this.draw();
  }

  place(position) {
    this.position = position;
    this.draw();
  }

  /** Label of the real code nearest to the cross, or null. */
  get nearest() {
    const distance = ([u, v]) => Math.hypot(u - this.position[0], v - this.position[1]);
    const first = this.points[0];
    if (!first) return null;
    return this.points.reduce((a, b) => (distance(b) < distance(a) ? b : a), first)[2];
  }

  drag(event) {
    this.canvas.setPointerCapture?.(event.pointerId);
    const box = this.canvas.getBoundingClientRect();
    const radius = Math.min(box.width, box.height) / 2;
    this.move([
      ((event.clientX - box.left - box.width / 2) / radius) * this.reach,
      ((box.top + box.height / 2 - event.clientY) / radius) * this.reach,
    ]);
  }

  key(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const size = ((2 * this.reach) / STEPS_ACROSS) * (event.shiftKey ? 5 : 1);
    this.move(this.position.map((value, i) => value + size * step[i]));
  }

  move(position) {
    const inside = (value) => Math.min(this.reach, Math.max(-this.reach, value));
    this.place(position.map(inside));
    this.onMove(this.position);
  }

  draw() {
    const { context, width, height } = fitToScreen(this.canvas);
    if (!width) return; // in a tab that is not shown
    const radius = Math.min(width, height) / 2;
    const at = ([u, v]) => [
      width / 2 + (u / this.reach) * radius,
      height / 2 - (v / this.reach) * radius,
    ];
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    context.strokeStyle = colour("--line");
    for (const line of [[0, height / 2, width, height / 2], [width / 2, 0, width / 2, height]]) {
      context.beginPath();
      context.moveTo(line[0], line[1]);
      context.lineTo(line[2], line[3]);
      context.stroke();
    }
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = "600 11px system-ui, sans-serif";
    for (const point of this.points) {
      const label = point[2];
      const hue = HUES[(label ?? 7) % HUES.length];
      context.fillStyle = `hsl(${hue} ${dark ? "75% 68%" : "70% 38%"} / 80%)`;
      context.fillText(label ?? "\u00b7", ...at(point));
    }
    this.cross(context, at(this.position));
  }

  cross(context, [x, y]) {
    for (const [width, ink] of [[6, "--surface"], [2.5, "--ink"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour(ink);
      context.beginPath();
      context.arc(x, y, 9, 0, 2 * Math.PI);
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 5 * dx, y + 5 * dy);
        context.lineTo(x + 14 * dx, y + 14 * dy);
      }
      context.stroke();
    }
    context.lineWidth = 1;
  }
}
