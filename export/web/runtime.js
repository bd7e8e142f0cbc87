// Runs .tflite files by LiteRT.js: on WebGPU where that gives the right pixels, else on wasm.
import { loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";

const RECENT = 31; // runs behind the median
const WARM = 3; // first runs of a model, which also set up buffers, are not timed
const ENOUGH = 9; // runs before the median is told

/** Name of the wasm build that this browser runs: with relaxed SIMD, or without. */
export async function runtimeName() {
  return (await supportsFeature("relaxedSimd")) ? "litert_wasm_internal" : "litert_wasm_compat_internal";
}

/**
 * Loads LiteRT.js.
 *
 * @param {Object<string, number>} sizes bytes of each wasm file, unpacked, by its name.
 * @param {(share: number) => void} onProgress is told how much of the wasm file has come.
 * @returns {Promise<{webgpu: boolean, runtime: string}>}
 */
export async function start(sizes = {}, onProgress = () => {}) {
  const runtime = await runtimeName();
  const base = new URL(`litert/${runtime}`, import.meta.url).href;
  const [wasm, adapter] = await Promise.all([
    compileWasm(`${base}.wasm`, (bytes) => onProgress(bytes / (sizes[runtime] ?? Infinity))),
    navigator.gpu?.requestAdapter().catch(() => null),
  ]);
  // This object is LiteRT's options, taken by the first module that starts.
  globalThis.Module = {
    instantiateWasm: (imports, receive) => {
      WebAssembly.instantiate(wasm, imports).then((instance) => receive(instance, wasm));
      return {}; // the exports come later
    },
    // LiteRT writes its notes to stderr, which would be the console's errors.
    printErr: (line) => (/^(INFO|WARNING|VERBOSE)\b/.test(line) ? console.debug(line) : console.error(line)),
  };
  await loadLiteRt(`${base}.js`);
  onProgress(1);
  return { webgpu: Boolean(adapter), runtime };
}

/** Compiles a wasm file while it comes, and counts its bytes, unpacked. */
async function compileWasm(url, onBytes) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: the server says ${response.status}.`);
  let bytes = 0;
  const count = (part, controller) => {
    bytes += part.byteLength;
    onBytes(bytes);
    controller.enqueue(part);
  };
  const counted = response.body.pipeThrough(new TransformStream({ transform: count }));
  // The type is said here: not every server knows it, and without it nothing is compiled.
  const headers = { "Content-Type": "application/wasm" };
  return WebAssembly.compileStreaming(new Response(counted, { headers }));
}

/** The bytes of a file of the site, unpacked where it is gzipped and the server did not say so. */
export async function bytesOf(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: the server says ${response.status}.`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/** A compiled file; each of its signatures has one input and one output, float32 both, batch 1. */
export class Network {
  constructor(compiled, accelerator) {
    this.compiled = compiled;
    this.accelerator = accelerator; // "webgpu" or "wasm"
    this.recent = [];
    this.runs = 0;
  }

  /** Float32Array in, Float32Array out; by the file's first signature, or the one that is named. */
  async run(values, signature = null) {
    const began = performance.now();
    const runner = signature ? this.compiled.signatures[signature] : this.compiled;
    const [{ shape }] = runner.getInputDetails();
    const input = new Tensor(values, Array.from(shape));
    try {
      const [output] = await runner.run([input]);
      try {
        const result = (await output.data()).slice();
        if (!signature) this.count(performance.now() - began);
        return result;
      } finally {
        output.delete();
      }
    } finally {
      input.delete();
    }
  }

  count(milliseconds) {
    this.runs += 1;
    if (this.runs <= WARM) return;
    this.recent.push(milliseconds);
    if (this.recent.length > RECENT) this.recent.shift();
  }

  /** Median milliseconds of the recent runs, in and out of LiteRT included; NaN while they are few. */
  get milliseconds() {
    const sorted = [...this.recent].sort((a, b) => a - b);
    return sorted.length >= ENOUGH ? sorted[sorted.length >> 1] : NaN;
  }

  delete() {
    this.compiled.delete();
  }
}

/**
 * Compiles a file.
 *
 * @param {Uint8Array} bytes of a .tflite file.
 * @param {boolean} webgpu whether to try WebGPU first.
 * @param {(network: Network) => Promise<boolean>} isRight tells whether a WebGPU network computes
 *     what it should; where it does not, wasm takes over.
 */
export async function compile(bytes, webgpu, isRight) {
  if (webgpu) {
    const network = await compileOn(bytes, "webgpu").catch(() => null);
    if (network) {
      const works = network.compiled.isFullyAccelerated && (await isRight(network).catch(() => false));
      if (works) return network;
      network.delete();
    }
  }
  return compileOn(bytes, "wasm");
}

async function compileOn(bytes, accelerator) {
  return new Network(await loadAndCompile(bytes, { accelerator }), accelerator);
}
