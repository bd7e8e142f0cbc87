// Pixels in [0, 1] on a canvas of their own size; the style sheet scales it up without smoothing.

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} pixels (H * W * C) in [0, 1]
 * @param {number[]} shape [H, W, C], C of 1 or 3
 */
export function paint(canvas, pixels, [height, width, channels]) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      // Uint8ClampedArray rounds to the nearest level.
      image.data[4 * i + c] = 255 * pixels[channels * i + Math.min(c, channels - 1)];
    }
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Sets a canvas to the resolution of the screen; its context then counts in CSS pixels. */
export function fitToScreen(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** A colour of the style sheet by the name of its custom property. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
