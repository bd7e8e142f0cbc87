// Wires the page: a model, the code that is shown, and the ways to choose another code.
import { between, choice, normal } from "./codes.js";
import { LatentMap } from "./map.js";
import { Model } from "./model.js";
import { keepOffline } from "./offline.js";
import { Pad } from "./pad.js";
import { paint } from "./picture.js";
import { start } from "./runtime.js";
import { setUpTabs } from "./tabs.js";
import { setUpBetween } from "./way.js";

const DRAWN = 0.75; // share of the pad that a drawn figure takes, about
const byId = (id) => document.getElementById(id);
const page = document.documentElement;

/** What the page shows: the entry's Model, its code, and whether a picture is being decoded. */
export const state = { models: [], model: null, z: null, decoding: null };

const map = new LatentMap(byId("map"), (position) => {
  show(state.model.plane.moved(state.z, position), "map");
});
const pad = new Pad(byId("pad"), () => state.model && reconstruct());
const way = setUpBetween(state, show);

/**
 * Shows a code. Calls that come while a picture is decoded collapse into the last one.
 *
 * @param {Float32Array} z
 * @param {string} source the control that chose it; that one is not moved.
 */
export async function show(z, source = "") {
  state.z = z;
  if (source !== "map") map.place(state.model.plane.position(z));
  if (source !== "sliders") placeSliders();
  state.decoding ??= decodeLatest().finally(() => (state.decoding = null));
  await state.decoding;
}

async function decodeLatest() {
  let drawn = null;
  while (drawn !== state.z) {
    const { model, z } = state;
    const pixels = await model.decode(z);
    if (model !== state.model) continue; // another model was chosen meanwhile
    paint(byId("image"), pixels, model.image_shape);
    byId("image").setAttribute("aria-label", describe());
    const decoder = await model.decoder();
    while (Number.isNaN(decoder.milliseconds)) await model.decode(z); // the first runs are not timed
    byId("milliseconds").textContent = time(decoder.milliseconds);
    drawn = z;
  }
}

function describe() {
  const { nearest } = map;
  const place = map.position.map((value) => value.toFixed(1)).join(", ");
  const near = nearest === null ? "" : `, nearest to a ${nearest} on the map`;
  return `Picture decoded by ${state.model.title} at ${place}${near}`;
}

const time = (ms) => `${ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;
const short = (value) => value.toFixed(2).replace("-0.00", "0.00");
const size = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

async function choose(name) {
  const model = state.models.find((each) => each.name === name);
  page.dataset.state = "loading";
  byId("status").textContent = `Loading ${model.title}\u2026`;
  const decoder = await model.decoder();
  if (byId("model").value !== name) return; // another was chosen while this one loaded
  await state.decoding;
  state.model = model;
  history.replaceState(null, "", `#${name}`);
  byId("bytes").textContent = size(model.files.decoder.bytes);
  byId("accelerator").textContent = decoder.accelerator === "webgpu" ? "WebGPU" : "wasm";
  const { nll_nats: nll, mse } = model.numbers;
  byId("quality-name").textContent = nll === undefined ? "Test error" : "Test nll";
  byId("quality").textContent = nll === undefined ? `${mse.toFixed(4)} mse` : `${nll.toFixed(1)} nats`;
  map.show(model.points);
  byId("map-note").textContent = mapNote(model);
  makeSliders();
  way.reset();
  pad.setPen((DRAWN * model.pen) / model.fill);
  byId("draw-pair").hidden = model.image_shape[2] !== 1;
  byId("draw-note").hidden = model.image_shape[2] === 1;
  byId("draw-note").textContent = "This model takes colour pictures; the pad draws grey ones.";
  await show(Float32Array.from(model.plane.origin));
  if (!byId("panel-draw").hidden && !pad.empty) await reconstruct();
  page.dataset.state = "ready";
  byId("status").textContent = `${model.title} is ready.`;
}

function mapNote({ points, share, axes_by, codes_of, latent_dim }) {
  const of = codes_of === "test" ? `codes of ${points.length} test images` : "draws of codes";
  if (latent_dim <= 2) return `The ${of}.`;
  const ways = axes_by === "labels" ? "Directions that separate the labels best" : "Main directions";
  return `${ways}: ${Math.round(100 * share)} % of the variance of the ${of}.`;
}

// ---- surprise -------------------------------------------------------------------------------

function surprise() {
  const { model } = state;
  if (model.draws) return show(Float32Array.from(choice(model.draws)));
  if (model.prior === "standard_normal") return show(normal(model.latent_dim));
  // An autoencoder has no prior: somewhere between two real codes.
  const [a, b] = [choice(model.examples), choice(model.examples)];
  return show(between(Float32Array.from(a.z), Float32Array.from(b.z), Math.random(), false));
}

// ---- sliders --------------------------------------------------------------------------------

function makeSliders() {
  const { model } = state;
  const rows = model.active.map(({ index, mean, std }) => {
    const row = document.createElement("div");
    row.className = "slider";
    row.innerHTML = `<label></label><output></output><input type="range" step="any" />`;
    const [label, output, input] = row.children;
    input.id = `latent-${index}`;
    output.htmlFor = label.htmlFor = input.id;
    label.textContent = `Latent ${index + 1}`;
    input.dataset.index = index;
    [input.min, input.max] = [mean - 3 * std, mean + 3 * std];
    input.step = (6 * std) / 120;
    input.addEventListener("input", () => {
      const z = state.z.slice();
      z[index] = Number(input.value);
      output.textContent = short(z[index]);
      show(z, "sliders");
    });
    return row;
  });
  byId("sliders").replaceChildren(...rows);
  byId("sliders-note").textContent =
    model.active.length < model.latent_dim
      ? `The ${model.active.length} most active of ${model.latent_dim} latents.`
      : `All ${model.latent_dim} latents.`;
}

function placeSliders() {
  for (const input of byId("sliders").querySelectorAll("input")) {
    const value = state.z[input.dataset.index];
    input.value = value;
    input.previousElementSibling.textContent = short(value);
  }
}

// ---- drawing --------------------------------------------------------------------------------

async function reconstruct() {
  const { model } = state;
  if (model.image_shape[2] !== 1) return;
  const pixels = pad.pixels(model.image_shape, model.fill);
  paint(byId("seen"), pixels, model.image_shape);
  if (pad.empty) return;
  const z = await model.encode(pixels);
  if (model === state.model) await show(z);
}

// ---- start ----------------------------------------------------------------------------------

async function run() {
  const listed = await fetch("models.json");
  if (!listed.ok) throw new Error(`models.json: the server says ${listed.status}.`);
  const { models } = await listed.json();
  const select = byId("model");
  select.replaceChildren(...models.map(({ name, title }) => new Option(title, name)));
  const { webgpu, runtime } = await start();
  state.models = models.map((entry) => new Model(entry, webgpu));
  const asked = location.hash.slice(1);
  const known = state.models.some((model) => model.name === asked);
  select.value = known ? asked : first(state.models).name;
  const attempt = () => choose(select.value).catch(fail);
  select.addEventListener("change", attempt);
  byId("surprise").addEventListener("click", () => surprise());
  byId("reset").addEventListener("click", () => show(Float32Array.from(state.model.plane.origin)));
  byId("clear").addEventListener("click", () => pad.clear());
  setUpTabs((name) => {
    if (name === "map") map.draw();
    if (name === "between" && state.model) way.shown();
    if (name === "draw" && state.model) reconstruct();
  });
  await attempt();
  await keepOffline(runtime);
}

/** The model that a visitor sees first: of those with a prior, the first with the largest images. */
function first(models) {
  const pixels = ({ image_shape: [height, width] }) => height * width;
  const rank = (model) => [model.prior ? 1 : 0, pixels(model)];
  return models.reduce((a, b) => (above(rank(b), rank(a)) ? b : a));
}

const above = ([p, q], [r, s]) => p > r || (p === r && q > s);

function fail(error) {
  page.dataset.state = "failed";
  byId("status").textContent = `This did not work: ${error.message} Reload the page to try again.`;
  console.error(error);
}

run().catch(fail);
