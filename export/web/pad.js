// Draw a digit: strokes on a canvas, brought to the size and place that the encoder was trained on.

const SIDE = 280; // resolution of the pad
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEY_STEP = SIDE / 28;
const PEN = 1 / 13; // width of the pen as a share of the pad, until a model says its own
const PAUSE = 40; // ms between two looks of the encoder at a stroke

export class Pad {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} onChange is called while strokes grow and when the pad is cleared.
   */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    [canvas.width, canvas.height] = [SIDE, SIDE];
    this.ink = document.createElement("canvas"); // the strokes, without the pen of the keyboard
    [this.ink.width, this.ink.height] = [SIDE, SIDE];
    this.context = this.ink.getContext("2d", { willReadFrequently: true });
    this.pen = [SIDE / 2, SIDE / 3];
    this.lines = []; // of the drawing: [from, to], to draw them again with another pen
    this.width = PEN * SIDE;
    this.down = false;
    this.onChange = onChange;
    this.lastCall = -Infinity;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.follow(event));
    canvas.addEventListener("pointerup", () => this.onChange());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => this.lift());
    this.clear();
  }

  clear() {
    this.lines = [];
    this.redraw();
    this.onChange();
  }

  get empty() {
    return this.lines.length === 0;
  }

  /** @param {number} share of the pad: as wide as the strokes of the model's own images. */
  setPen(share) {
    this.width = share * SIDE;
    this.redraw();
  }

  redraw() {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, SIDE, SIDE);
    for (const [from, to] of this.lines) this.ribbon(from, to);
    this.draw();
  }

  begin(event) {
    this.canvas.setPointerCapture?.(event.pointerId);
    this.pen = this.point(event);
    this.line(this.pen, this.pen);
  }

  follow(event) {
    for (const part of event.getCoalescedEvents?.() ?? [event]) {
      const to = this.point(part);
      this.line(this.pen, to);
      this.pen = to;
    }
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * SIDE,
      ((event.clientY - box.top) / box.height) * SIDE,
    ];
  }

  line(from, to) {
    this.lines.push([from, to]);
    this.ribbon(from, to);
    this.draw();
    if (performance.now() - this.lastCall < PAUSE) return;
    this.lastCall = performance.now();
    this.onChange();
  }

  ribbon(from, to) {
    const { context } = this;
    context.strokeStyle = "#fff";
    context.lineWidth = this.width;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + 0.01, to[1]); // a dot is a line too
    context.stroke();
  }

  key(event) {
    const move = MOVES[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key === " ") this.down = !this.down;
    else if (!move) return;
    event.preventDefault();
    const to = (move ?? [0, 0]).map((way, i) =>
      Math.min(SIDE, Math.max(0, this.pen[i] + KEY_STEP * way)),
    );
    if (this.down) this.line(this.pen, to);
    this.pen = to;
    this.draw();
    if (this.down && event.key !== " ") this.onChange();
  }

  lift() {
    this.down = false;
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.drawImage(this.ink, 0, 0);
    if (!this.canvas.matches(":focus-visible")) return;
    context.strokeStyle = this.down ? "#ff9f43" : "#8ab4ff";
    context.lineWidth = 3;
    context.beginPath();
    context.arc(...this.pen, this.down ? 7 : 11, 0, 2 * Math.PI);
    context.stroke();
  }

  /**
   * The drawing as an image of the data set: its bounding box scaled to `fill` of the larger side,
   * its centre of mass in the middle, as the digits of MNIST were made.
   *
   * @returns {Float32Array} (H * W) in [0, 1].
   */
  pixels([height, width], fill) {
    const pixels = new Float32Array(height * width);
    const box = this.empty ? null : bounds(this.context.getImageData(0, 0, SIDE, SIDE).data);
    if (!box) return pixels;
    const scale = (fill * Math.min(height, width)) / box.size;
    // Smoothing averages few neighbours at most: go down by halves first.
    let [source, factor] = [this.ink, 1];
    while (scale / factor < 0.5) {
      const half = document.createElement("canvas");
      [half.width, half.height] = [source.width / 2, source.height / 2].map(Math.ceil);
      half.getContext("2d").drawImage(source, 0, 0, source.width / 2, source.height / 2);
      [source, factor] = [half, factor / 2];
    }
    const small = document.createElement("canvas");
    [small.width, small.height] = [width, height];
    const context = small.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.fillRect(0, 0, width, height);
    const zoom = scale / factor;
    context.setTransform(zoom, 0, 0, zoom, width / 2 - box.x * scale, height / 2 - box.y * scale);
    context.drawImage(source, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return pixels.map((_, i) => data[4 * i] / 255);
  }
}

/** Larger side of the bounding box and the centre of mass of the ink, or null without any. */
function bounds(data) {
  let [left, right, top, bottom, mass, x, y] = [SIDE, -1, SIDE, -1, 0, 0, 0];
  for (let row = 0; row < SIDE; row += 1) {
    for (let column = 0; column < SIDE; column += 1) {
      const value = data[4 * (row * SIDE + column)];
      if (value < 64) continue;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row);
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
    }
  }
  if (!mass) return null;
  return { size: Math.max(right - left, bottom - top) + 1, x: x / mass, y: y / mass };
}
