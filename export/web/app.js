// Wires the page: a model, the code that is shown, and the ways to choose another code.
import { between, choice } from "./codes.js";
import { LatentMap } from "./map.js";
import { Model } from "./model.js";
import { keepOffline } from "./offline.js";
import { Pad } from "./pad.js";
import { paint } from "./picture.js";
import { start } from "./runtime.js";
import { makeSliders, placeSliders } from "./sliders.js";
import { a, makeExamples, markExample, present, preview, progress } from "./stage.js";
import { setUpTabs } from "./tabs.js";
import { setUpBetween } from "./way.js";

const DRAWN = 0.75; // share of the pad that a drawn figure takes, about
const byId = (id) => document.getElementById(id);
const page = document.documentElement;

/**
 * What the page shows: the entry's Model; its code, what that is (`told`) and, of a test image, its
 * index (`example`, else -1); whether a picture is being decoded. `picked` is the test image chosen
 * last: another model begins with the same one.
 */
export const state = {
  models: [],
  model: null,
  z: null,
  told: "",
  example: -1,
  picked: 0,
  decoding: null,
};

const map = new LatentMap(byId("map"), (position) => {
  const near = map.nearest === null ? "" : `, near ${a(map.nearest)}`;
  show(state.model.plane.moved(state.z, position), "map", `A place on the map${near}.`);
});
const pad = new Pad(byId("pad"), () => state.model && reconstruct());
const way = setUpBetween(state, show);

/**
 * Shows a code. Calls that come while a picture is decoded collapse into the last one.
 *
 * @param {Float32Array} z
 * @param {string} source the control that chose it; that one is not moved.
 * @param {string} told what the code is, in a sentence.
 * @param {number} example index of the test image that has this code, or -1.
 */
export async function show(z, source = "", told = "", example = -1) {
  Object.assign(state, { z, told, example });
  if (source !== "map") map.place(state.model.plane.position(z));
  if (source !== "sliders") placeSliders(z);
  markExample(example);
  state.decoding ??= decodeLatest().finally(() => (state.decoding = null));
  await state.decoding;
}

async function decodeLatest() {
  let drawn = null;
  while (drawn !== state.z) {
    const { model, z, told, example } = state;
    const pixels = await model.decode(z);
    if (model !== state.model) continue; // another model was chosen meanwhile
    present(model, pixels, told, model.images[example] ?? null);
    const decoder = await model.decoder();
    while (Number.isNaN(decoder.milliseconds)) await model.decode(z); // the first runs are not timed
    byId("milliseconds").textContent = time(decoder.milliseconds);
    drawn = z;
  }
}

const time = (ms) => `${ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;
const size = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

async function choose(name) {
  const model = state.models.find((each) => each.name === name);
  page.dataset.state = "loading";
  byId("status").textContent = `Loading ${model.title}\u2026`;
  if (!state.model) {
    map.show(model.points); // something to look at while LiteRT.js loads
    if (model.images.length) preview(model, model.images[state.picked]);
  }
  const decoder = await model.decoder();
  if (byId("model").value !== name) return; // another was chosen while this one loaded
  await state.decoding;
  state.model = model;
  history.replaceState(null, "", `#${name}`);
  tellFacts(model, decoder);
  map.show(model.points);
  byId("map-note").textContent = mapNote(model);
  makeExamples(model, showExample);
  makeSliders(model, (index, value) => {
    const z = state.z.slice();
    z[index] = value;
    show(z, "sliders", `You moved latent ${index + 1}.`);
  });
  way.reset();
  pad.setPen((DRAWN * model.pen) / model.fill);
  byId("draw-pair").hidden = model.image_shape[2] !== 1;
  byId("draw-note").hidden = model.image_shape[2] === 1;
  byId("draw-note").textContent = "This model takes colour pictures; the pad draws grey ones.";
  for (const id of ["actions", "tools"]) byId(id).inert = false;
  await (model.images.length ? showExample(state.picked % model.images.length) : showMean());
  if (!byId("panel-draw").hidden && !pad.empty) await reconstruct();
  page.dataset.state = "ready";
  byId("status").textContent = `${model.title} is ready.`;
}

function tellFacts(model, decoder) {
  byId("bytes").textContent = size(model.files.decoder.bytes);
  byId("accelerator").textContent = decoder.accelerator === "webgpu" ? "WebGPU" : "wasm";
  const { nll_nats: nll, mse } = model.numbers;
  const [name, value, note] =
    nll === undefined
      ? ["Test error", `${mse.toFixed(4)} mse`, "mse: squared error of a rebuilt pixel, 0 to 1."]
      : ["Test nll", `${nll.toFixed(1)} nats`, "nats: how much information a test image takes."];
  byId("quality-name").textContent = name;
  byId("quality").textContent = value;
  byId("quality-note").textContent = `${note} Less is better.`;
}

function showExample(index) {
  state.picked = index;
  return show(Float32Array.from(state.model.images[index].z), "examples", "", index);
}

function showMean() {
  const of = state.model.codes_of === "test" ? "all test images" : "many draws";
  return show(Float32Array.from(state.model.plane.origin), "", `The mean code of ${of}.`);
}

function mapNote({ points, share, axes_by, codes_of, latent_dim }) {
  const of = codes_of === "test" ? `codes of ${points.length} test images` : "draws of codes";
  const lacks = "This entry carries no test images: train it anew to see them and their labels here.";
  const note = codes_of === "test" ? "" : ` ${lacks}`;
  if (latent_dim <= 2) return `The ${of}.${note}`;
  const ways = axes_by === "labels" ? "Directions that separate the labels best" : "Main directions";
  return `${ways}: ${Math.round(100 * share)} % of the variance of the ${of}.${note}`;
}

// ---- surprise -------------------------------------------------------------------------------

async function surprise() {
  const { model } = state;
  const z = await model.draw();
  if (model !== state.model) return; // another one was chosen meanwhile
  if (z) return show(z, "", "A new picture: its code was drawn at random.");
  // A prior that was never fitted: somewhere between two real codes.
  const [from, to] = [choice(model.examples), choice(model.examples)].map(({ z }) => Float32Array.from(z));
  const told = `A code between those of two ${model.codes_of === "test" ? "test images" : "draws"}.`;
  return show(between(from, to, Math.random(), false), "", told);
}

// ---- drawing --------------------------------------------------------------------------------

async function reconstruct() {
  const { model } = state;
  if (model.image_shape[2] !== 1) return;
  const pixels = pad.pixels(model.image_shape, model.fill);
  paint(byId("seen"), pixels, model.image_shape);
  if (pad.empty) return;
  const z = await model.encode(pixels);
  if (model === state.model) await show(z, "", "Rebuilt from your drawing.");
}

// ---- start ----------------------------------------------------------------------------------

async function run() {
  const listed = await fetch("models.json");
  if (!listed.ok) throw new Error(`models.json: the server says ${listed.status}.`);
  const { models, runtimes } = await listed.json();
  const select = byId("model");
  select.replaceChildren(...models.map(({ name, menu }) => new Option(menu, name)));
  const started = start(runtimes, progress);
  state.models = models.map((entry) => new Model(entry, started));
  const asked = location.hash.slice(1);
  const known = state.models.some((model) => model.name === asked);
  select.value = known ? asked : first(state.models).name;
  const attempt = () => choose(select.value).catch(fail);
  select.addEventListener("change", attempt);
  byId("surprise").addEventListener("click", () => surprise());
  byId("reset").addEventListener("click", () => showMean());
  byId("clear").addEventListener("click", () => pad.clear());
  setUpTabs((name) => {
    if (name === "map") map.draw();
    if (name === "between" && state.model) way.shown();
    if (name === "draw" && state.model) reconstruct();
  });
  await attempt();
  await keepOffline((await started).runtime);
}

/** The model that a visitor sees first: of those with a likelihood, one of the largest images. */
function first(models) {
  const pixels = ({ image_shape: [height, width] }) => height * width;
  const rank = (model) => ["nll_nats" in model.numbers ? 1 : 0, pixels(model)];
  return models.reduce((a, b) => (above(rank(b), rank(a)) ? b : a));
}

const above = ([p, q], [r, s]) => p > r || (p === r && q > s);

function fail(error) {
  page.dataset.state = "failed";
  progress(1);
  byId("status").textContent = `This did not work: ${error.message} Reload the page to try again.`;
  console.error(error);
}

run().catch(fail);
