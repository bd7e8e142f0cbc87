// From one digit to another: two examples, the way between their codes, a strip of pictures of it.
import { between, choice } from "./codes.js";
import { paint } from "./picture.js";
import { a } from "./stage.js";

const STOPS = 7; // pictures in the strip
const DURATION = 2600; // ms of a run from end to end

/**
 * @param state of the page.
 * @param {(z: Float32Array, source: string) => Promise<void>} show
 * @returns reset(), for another model, and shown(), when the tab is opened.
 */
export function setUpBetween(state, show) {
  const byId = (id) => document.getElementById(id);
  const [from, to, slider, play] = ["from", "to", "position", "play"].map(byId);
  const stops = Array.from({ length: STOPS }, () => document.createElement("canvas"));
  for (const canvas of stops) canvas.className = "pixels";
  byId("strip").replaceChildren(...stops);
  let ends = null; // the two codes
  let strip = 0; // counts drawings of the strip; a newer one ends an older one
  let playing = 0; // handle of the next frame

  const examplesOf = (label) =>
    state.model.examples.filter((example) => String(example.label) === label);

  const at = (position) => between(ends[0], ends[1], position, state.model.interpolation === "spherical");

  // What an end is called: by its label where there are labels, else by its number.
  const named = (label) => {
    const { codes_of: of, points } = state.model;
    if (of === "test" && points[0][2] !== null) return a(label);
    return `${of === "test" ? "test image" : "draw"} ${Number(label) + 1}`;
  };

  const endsTold = () => [named(from.value), named(to.value)];

  const draw = () => {
    const position = Number(slider.value);
    const [first, last] = endsTold();
    const told = `${Math.round(100 * position)} % of the way from ${first} to ${last}.`;
    return show(at(position), "between", told);
  };

  const chooseEnds = () => {
    ends = [from, to].map((select) => Float32Array.from(choice(examplesOf(select.value)).z));
    drawStrip();
    return draw();
  };

  async function drawStrip() {
    strip += 1;
    const [mine, { model }] = [strip, state];
    for (const [i, canvas] of stops.entries()) {
      const pixels = await model.decode(at(i / (STOPS - 1)));
      if (mine !== strip || model !== state.model) return;
      paint(canvas, pixels, model.image_shape);
    }
    const [first, last] = endsTold();
    byId("strip").setAttribute("aria-label", `${STOPS} pictures on the way from ${first} to ${last}`);
  }

  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
  };

  const run = () => {
    const began = performance.now();
    const frame = async (now) => {
      const position = Math.min(1, Math.max(0, now - began) / DURATION);
      slider.value = position;
      await draw();
      if (position === 1) stop();
      else if (playing) playing = requestAnimationFrame(frame);
    };
    if (Number(slider.value) === 1) slider.value = 0;
    play.textContent = "Stop";
    playing = requestAnimationFrame(frame);
  };

  for (const select of [from, to]) select.addEventListener("change", () => (stop(), chooseEnds()));
  slider.addEventListener("input", () => (stop(), draw()));
  play.addEventListener("click", () => (playing ? stop() : run()));
  byId("others").addEventListener("click", () => (stop(), chooseEnds()));

  return {
    reset() {
      stop();
      ends = null;
      const labels = [...new Set(state.model.examples.map(({ label }) => String(label)))];
      for (const [select, label] of [[from, labels[0]], [to, labels[1] ?? labels[0]]]) {
        const kept = labels.includes(select.value) ? select.value : label;
        const options = labels.map((label) => new Option(named(label).replace(/^an?\s/, ""), label));
        select.replaceChildren(...options);
        select.value = kept;
      }
      const way = state.model.interpolation === "spherical" ? "along an arc" : "along a line";
      const whose = state.model.codes_of === "test" ? "test images" : "draws";
      byId("between-note").textContent = `Codes of two ${whose}, ${way}.`;
      if (!byId("panel-between").hidden) this.shown();
    },
    shown() {
      if (!ends) chooseEnds();
    },
  };
}
