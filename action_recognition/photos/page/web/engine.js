"use strict";
// Sources of scores: ONNX Runtime in this browser, or the server of the page. Both offer
// {metadata, runsAs, close(), classify(photo, square, mirror) -> {label, reason, ranked, preparationMs, inferenceMs}},
// and `models` to choose from, with the `model` in use: {file, precision, bytes}. The server alone `takesClips`.
import { PhotoError, cut, decode, mirrored, prepare } from "./pixels.js";
import { decide, networkInput, onnxStrings, readMetadata } from "./model.js";

const MODULES = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" };

/** Return the pixels of a photo, {blob} of a file or {picture} of a camera. They are decoded once. */
export async function pixelsOf(photo) {
  photo.picture = photo.picture || (await decode(photo.blob));
  return photo.picture;
}

/** Open the network of that `precision`. Without one it is the first, or that of 32 bits if a GPU computes. */
export async function openEngine(precision) {
  const config = await (await got("config.json")).json();
  const engine = config.engine === "browser" ? await browserEngine(config, precision) : await serverEngine(config);
  return { ...engine, notice: config.notice };
}

async function got(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new PhotoError(((await answer.text()) || `${address}: ${answer.status}`).trim());
  return answer;
}

async function browserEngine(config, precision) {
  const runtime = new URL(config.runtime, document.baseURI).href;
  const gpu = await wantsGpu();
  const wanted = precision || (gpu ? "FP32" : config.models[0].precision); // WebGPU has no kernels for 8 bits
  const model = config.models.find((one) => one.precision === wanted) || config.models[0];
  const loading = import(`${runtime}${MODULES[gpu ? "webgpu" : "wasm"]}`); // at the same time as the model
  loading.catch(() => {}); // reported where it is awaited
  const bytes = new Uint8Array(await (await got(model.file)).arrayBuffer());
  const metadata = readMetadata(onnxStrings(bytes));
  const { ort, session, runsAs } = await openSession(loading, bytes, runtime, gpu);
  if (metadata.clipLen !== 1) throw new Error(`the model takes clips of ${metadata.clipLen} frames, but this page gives it single photos`);
  const side = metadata.resize.crop_size;
  const rank = session.inputMetadata[0].shape.length;
  const dims = rank === 5 ? [1, 3, 1, side, side] : [1, 3, side, side];
  const run = async (values) => {
    const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", values, dims) });
    return outputs[session.outputNames[0]].data;
  };
  await run(new Float32Array(3 * side * side)); // the first run sets up memory, so that the user does not wait for that
  const classify = async (photo, square, mirror) => {
    const picture = await pixelsOf(photo);
    const start = performance.now();
    const chosen = cut(picture, square && square(picture));
    const values = networkInput(prepare(mirror ? mirrored(chosen) : chosen, metadata.resize, metadata.meanColour), metadata);
    const middle = performance.now();
    const scores = await run(values);
    return { ...decide(scores, metadata), preparationMs: middle - start, inferenceMs: performance.now() - middle };
  };
  let last = Promise.resolve();
  return {
    metadata,
    models: config.models,
    model,
    runsAs: `${runsAs}, ${model.precision} of ${sizeOf(model)}`,
    classify(...what) { return (last = classify(...what)); },
    close: () => last.catch(() => {}).then(() => session.release()), // a run in progress still needs it
  };
}

// Below 50 kB, one digit of a megabyte would be 0.
export const sizeOf = ({ bytes }) => bytes < 5e4 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

async function wantsGpu() {
  const asked = new URLSearchParams(location.search).get("backend");
  return asked !== "wasm" && hasGpu(asked === "webgpu");
}

async function openSession(loading, bytes, runtime, gpu) {
  if (gpu) {
    try {
      return await session(await loading, bytes, runtime, "webgpu");
    } catch (error) {
      console.warn("WebGPU cannot run this model, WASM does", error);
    }
  }
  return session(await (gpu ? import(`${runtime}${MODULES.wasm}`) : loading), bytes, runtime, "wasm");
}

/** Return true for a real GPU. An emulation on the CPU is slower than WASM, and used only on request. */
async function hasGpu(alsoFallback) {
  const adapter = navigator.gpu && (await navigator.gpu.requestAdapter().catch(() => null));
  return Boolean(adapter) && (alsoFallback || !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
}

async function session(ort, bytes, runtime, provider) {
  ort.env.wasm.wasmPaths = runtime;
  // Several threads need shared memory, which browsers give only to pages with the headers of tools/serve.py.
  const numThreads = self.crossOriginIsolated ? Math.max(1, Math.min(4, Math.ceil((navigator.hardwareConcurrency || 2) / 2))) : 1;
  ort.env.wasm.numThreads = numThreads;
  ort.env.logLevel = "error";
  const opened = await ort.InferenceSession.create(bytes, { executionProviders: [provider] });
  const runsAs = provider === "webgpu" ? "in this browser, WebGPU" : `in this browser, WASM, ${numThreads} ${numThreads === 1 ? "thread" : "threads"}`;
  return { ort, session: opened, runsAs };
}

async function serverEngine(config) {
  const takesClips = config.takes === "clips";
  const metadata = readMetadata(await (await got("metadata.json")).json());
  const classify = async (photo, square, mirror) => {
    const start = performance.now();
    const place = square && !takesClips && square(await pixelsOf(photo));
    const query = new URLSearchParams(takesClips ? { name: photo.name } : { mirror: mirror ? "1" : "0" });
    if (place) query.set("square", `${place.left},${place.top},${place.side}`);
    const body = photo.blob || (await asPng(photo.picture));
    const middle = performance.now();
    const answer = await (await got(`api/predict?${query}`, { method: "POST", body })).json();
    return { ...decide(answer.scores, metadata), preparationMs: middle - start, inferenceMs: answer.inference_ms };
  };
  return { metadata, runsAs: `on this computer, ${config.runs_as}`, models: [], close() {}, classify, takesClips };
}

async function asPng(picture) {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d").putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
