// One model of the site: its files, opened when they are needed, and what models.json says of it.
import { choice, normal, Plane } from "./codes.js";
import { bytesOf, compile } from "./runtime.js";

export class Model {
  /** @param entry of models.json; @param {Promise<{webgpu: boolean}>} started LiteRT.js. */
  constructor(entry, started) {
    Object.assign(this, entry);
    this.started = started;
    this.plane = new Plane(entry.plane);
  }

  /** The decoder; of one that WebGPU runs whole, the golden codes decide whether it does so rightly. */
  decoder() {
    this.opened ??= this.open().catch((error) => {
      this.opened = undefined; // the next call tries again
      throw error;
    });
    return this.opened;
  }

  async open() {
    const { path, webgpu } = this.files.decoder;
    const [bytes, litert] = await Promise.all([bytesOf(path), this.started]);
    return compile(bytes, webgpu && litert.webgpu, async (network) => {
      const { z, pixels, noise = [], codes } = await this.golden();
      const near = async (given, expected, error, signature) => {
        const found = await network.run(Float32Array.from(given), signature);
        const sum = found.reduce((total, value, j) => total + Math.abs(value - expected[j]), 0);
        // A tolerance of 0 would refuse the rounding of another processor in a float32 file.
        return sum / found.length <= Math.max(1e-4, 2 * error);
      };
      for (let i = 0; i < z.length; i += 1) {
        if (!(await near(z[i], pixels[i], this.error.mean))) return false;
      }
      for (let i = 0; i < noise.length; i += 1) {
        if (!(await near(noise[i], codes[i], this.error.draw, "draw"))) return false;
      }
      return true;
    });
  }

  /**
   * { z: (N, latent_dim), pixels: (N, H * W * C) } that the unquantised decoder gives; of a prior
   * that is drawn from noise also { noise: (N, noise_dim), codes: (N, latent_dim) }.
   */
  async golden() {
    return (await fetch(this.files.golden.path)).json();
  }

  /** The encoder runs on wasm: it is called once for a drawing, and nothing checks its GPU run. */
  encoder() {
    this.openedEncoder ??= bytesOf(this.files.encoder.path)
      .then((bytes) => compile(bytes, false))
      .catch((error) => {
        this.openedEncoder = undefined;
        throw error;
      });
    return this.openedEncoder;
  }

  /** Float32Array code -> Float32Array pixels in [0, 1]. */
  async decode(z) {
    return (await this.decoder()).run(z);
  }

  /** A code drawn from the prior; undefined where that was never fitted. */
  async draw() {
    if (this.prior === "standard_normal") return normal(this.latent_dim);
    if (this.prior === "noise") return (await this.decoder()).run(normal(this.noise_dim), "draw");
    return this.draws && Float32Array.from(choice(this.draws));
  }

  async encode(pixels) {
    return (await this.encoder()).run(pixels);
  }
}
