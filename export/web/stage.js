// The picture, what it is a picture of, and, before there is a model, how far loading is.
import { paint } from "./picture.js";

const byId = (id) => document.getElementById(id);

/** "a 7", "an 8": labels are numbers. */
export const a = (label) => `${/^(8|11$|18$)/.test(String(label)) ? "an" : "a"}\u00a0${label}`;

/** "A test image, a 7" of an entry of `images`. */
const named = ({ label }, article) => `${article} test image${label === null ? "" : `, ${a(label)}`}`;

/** Pixels in [0, 1] of an entry of `images`, whose bytes are in base64. */
export function pixelsOf({ pixels }) {
  return Float32Array.from(atob(pixels), (letter) => letter.charCodeAt(0) / 255);
}

/** Shows a test image itself, while the decoder loads. */
export function preview(model, image) {
  paint(byId("image"), pixelsOf(image), model.image_shape);
  byId("image").setAttribute("aria-label", named(image, "A"));
  byId("told").textContent = `${named(image, "A")}, while the model loads.`;
}

/** @param {number} share of the first load, in [0, 1]; 1 ends it. */
export function progress(share) {
  byId("progress").hidden = share >= 1;
  byId("progress").value = share;
}

/**
 * Shows a decoded picture and what it is.
 *
 * @param model whose picture it is.
 * @param {Float32Array} pixels
 * @param {string} text what the code is.
 * @param image entry of `images` whose code it is, or null.
 */
export function present(model, pixels, text, image) {
  paint(byId("image"), pixels, model.image_shape);
  const told = image ? `Decoded from the ${model.latent_dim} numbers of ${named(image, "this")}.` : text;
  byId("told").textContent = told;
  byId("image").setAttribute("aria-label", `Picture by ${model.title}. ${told}`);
  byId("original").hidden = !image;
  if (!image) return;
  paint(byId("original"), pixelsOf(image), model.image_shape);
  byId("original").setAttribute("aria-label", named(image, "A"));
}

/** The row of test images to start from. */
export function makeExamples(model, onChoose) {
  byId("examples-block").hidden = model.images.length === 0;
  const buttons = model.images.map((image, index) => {
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    button.type = "button";
    button.setAttribute("aria-label", named(image, "A"));
    canvas.className = "pixels";
    paint(canvas, pixelsOf(image), model.image_shape);
    button.append(canvas);
    button.addEventListener("click", () => onChoose(index));
    return button;
  });
  byId("examples").replaceChildren(...buttons);
}

/** @param {number} index of the test image whose code is shown, or -1. */
export function markExample(index) {
  for (const [i, button] of [...byId("examples").children].entries()) {
    button.setAttribute("aria-pressed", String(i === index));
  }
}
