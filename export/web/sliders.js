// A slider for each of the latents that vary most.

const byId = (id) => document.getElementById(id);
const short = (value) => value.toFixed(2).replace("-0.00", "0.00");

/**
 * @param model whose `active` latents get a slider.
 * @param {(index: number, value: number) => void} onMove
 */
export function makeSliders({ active, latent_dim, codes_of }, onMove) {
  const rows = active.map(({ index, mean, std }) => {
    const row = document.createElement("div");
    row.className = "slider";
    row.innerHTML = `<label></label><output></output><input type="range" step="any" />`;
    const [label, output, input] = row.children;
    input.id = `latent-${index}`;
    output.htmlFor = label.htmlFor = input.id;
    label.textContent = `Latent ${index + 1}`;
    input.setAttribute("aria-describedby", "sliders-note");
    input.dataset.index = index;
    [input.min, input.max] = [mean - 3 * std, mean + 3 * std];
    input.step = (6 * std) / 120;
    input.addEventListener("input", () => {
      output.textContent = short(Number(input.value));
      onMove(index, Number(input.value));
    });
    return row;
  });
  byId("sliders").replaceChildren(...rows);
  const over = codes_of === "test" ? "over the test images" : "over draws";
  const which =
    active.length < latent_dim
      ? `The ${active.length} of ${latent_dim} latents that vary most ${over}, the widest first.`
      : `All ${latent_dim} latents, the widest first.`;
  byId("sliders-note").textContent = `A latent is one number of the code. ${which}`;
}

/** @param {Float32Array} z the code to show. */
export function placeSliders(z) {
  for (const input of byId("sliders").querySelectorAll("input")) {
    const value = z[input.dataset.index];
    input.value = value;
    input.previousElementSibling.textContent = short(value);
  }
}
