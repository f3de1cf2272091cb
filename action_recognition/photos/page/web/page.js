"use strict";
// The page as the user sees it. Photos wait in a queue and are classified one after another. The camera gives one at a time.
import { megabytes, openEngine, pixelsOf } from "./engine.js";
import { PhotoError, fromDrawable } from "./pixels.js";
import { startCamera, cameraProblem } from "./camera.js";
import { onSquare, squareOf } from "./square.js";

const NUM_BARS = 3;
const NUM_ROWS = 500; // what the table shows; the CSV has all
const at = (id) => document.getElementById(id);
let engine = null;
let camera = null;
let shown = null; // the photo on the stage
let results = [];
let queue = Promise.resolve();

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const percent = (share) => `${(share * 100).toFixed(1)} %`;

function say(text) {
  if (at("status").textContent !== text) at("status").textContent = text; // a screen reader repeats text that is set again
}

// --- results

function showResult(result) {
  say(result.label === null ? `no gesture: ${result.reason}` : result.label);
  at("bars").replaceChildren(...result.ranked.slice(0, NUM_BARS).map(bar));
  at("latency").textContent =
    `${result.inferenceMs.toFixed(1)} ms inference, ${result.preparationMs.toFixed(0)} ms preparation (${engine.runsAs})`;
}

function bar({ label, probability }) {
  const made = element("li");
  const track = element("div", undefined, "bar"), fill = element("div");
  track.setAttribute("aria-hidden", "true"); // the number beside it says the same
  fill.style.width = `${probability * 100}%`;
  track.append(fill);
  made.append(element("span", label), element("span", percent(probability), "share"), track);
  return made;
}

function showFailure(text) {
  say(text);
  at("bars").replaceChildren();
  at("latency").textContent = "";
}

function addRow(name, result, failure) {
  results.push({ name, result, failure });
  at("many").hidden = results.length < 2;
  if (results.length > NUM_ROWS) return;
  const row = element("tr", undefined, failure ? "failed" : "");
  row.append(element("td", name), element("td", failure || result.label || "no gesture"));
  row.append(element("td", failure ? "" : percent(result.ranked[0].probability)));
  at("rows").append(row);
}

function csvOf(all) {
  const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
  // A spreadsheet would run text that begins like a formula, and file names come from outside.
  const safe = (text) => quoted(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const labels = engine.metadata.labels;
  const lines = all.map(({ name, result, failure }) => {
    const share = new Map(result ? result.ranked.map((item) => [item.label, item.probability]) : []);
    const numbers = labels.map((label) => (share.has(label) ? share.get(label).toFixed(6) : ""));
    return [safe(name), safe(failure ? "" : result.label || ""), safe(failure || result.reason), ...numbers].join(",");
  });
  return [["photo", "label", "reason", ...labels].map(quoted).join(","), ...lines].join("\r\n") + "\r\n";
}

function save(name, text) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// --- photos

function draw(picture) {
  const canvas = at("view");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  canvas.style.transform = at("mirror").checked ? "scaleX(-1)" : "";
  at("stage").hidden = false;
  onSquare.place(picture);
}

async function classify(photo) {
  const square = at("square-on").checked ? squareOf : null;
  return engine.classify(photo, square, at("mirror").checked);
}

function addFiles(files) {
  stopCamera();
  const all = [...files];
  all.forEach((file, number) => { queue = queue.then(() => classifyFile(file, number, all.length)); });
}

async function classifyFile(file, number, count) {
  if (count > 1) at("about").textContent = `photo ${number + 1} of ${count}`;
  const photo = { blob: file };
  try {
    draw(await pixelsOf(photo));
    shown = photo;
    const result = await classify(photo);
    showResult(result);
    addRow(file.name, result);
  } catch (error) {
    if (!(error instanceof PhotoError)) console.error(error);
    showFailure(`${file.name}: ${error.message}`);
    addRow(file.name, null, error.message);
  }
  if (number + 1 === count) about();
}

/** Classify the shown photo again with other settings. The next run takes settings that change during this one. */
function again() {
  if (!shown || camera) return;
  const photo = shown;
  queue = queue.then(async () => {
    if (photo !== shown) return;
    draw(await pixelsOf(photo));
    showResult(await classify(photo));
  }).catch((error) => showFailure(error.message));
}

// --- camera

async function toggleCamera() {
  if (camera) {
    stopCamera();
    return;
  }
  try {
    camera = await startCamera(at("video"));
  } catch (error) {
    showFailure(cameraProblem(error));
    return;
  }
  at("square-on").checked = true;
  showCamera(true);
  say("the camera is on");
  preview(camera);
}

function stopCamera() {
  if (!camera) return;
  camera.stop();
  camera = null;
  at("live").checked = false;
  showCamera(false);
}

function showCamera(on) {
  at("camera").setAttribute("aria-pressed", String(on));
  at("camera").textContent = on ? "Stop the camera" : "Use the camera";
  at("take").hidden = at("live-label").hidden = !on;
  at("square").hidden = !at("square-on").checked;
}

/** Draw the camera picture, and classify it as fast as possible while `live` is on. */
async function preview(mine) {
  while (camera === mine) {
    const video = at("video");
    if (video.readyState >= 2) {
      shown = { picture: fromDrawable(video, video.videoWidth, video.videoHeight) };
      draw(shown.picture);
      if (at("live").checked) await classifyShown(mine);
    }
    await new Promise((resolve) => { requestAnimationFrame(resolve); });
  }
}

async function classifyShown(mine) {
  try {
    const result = await classify(shown);
    if (camera === mine) showResult(result);
    return result;
  } catch (error) {
    showFailure(error.message);
    return null;
  }
}

async function take() {
  if (!camera || !shown) return;
  const result = await classifyShown(camera);
  if (result) addRow(`camera ${results.length + 1}`, result);
}

// --- the page

function about() {
  const { metadata, runsAs } = engine;
  const side = metadata.resize.crop_size;
  at("about").textContent = `${metadata.template}: ${metadata.labels.length} labels, ${side}x${side} pixels, ${runsAs}`;
}

/** Switch the square on for a model that was trained on cut-out hands. */
function lookAtAHand() {
  at("square-on").checked = true;
  at("square").hidden = false;
  at("hand").hidden = false;
}

/** Offer the models with their download sizes, or nothing if there is only one. */
function offerModels() {
  at("network").replaceChildren(...engine.models.map((model) => new Option(`${model.precision}, ${megabytes(model)}`, model.precision)));
  at("network").value = engine.model?.precision || "";
  at("network-label").hidden = engine.models.length < 2;
}

/** Load the chosen model. Waiting photos still use the earlier one, and the shown photo is classified again. */
function changeModel() {
  const wanted = at("network").value;
  queue = queue.then(async () => {
    say("Loading the model…");
    const opened = await openEngine(wanted);
    engine.close();
    engine = opened;
    say("");
    about();
  }).catch((error) => { at("network").value = engine.model.precision; showFailure(`The model cannot be used: ${error.message}`); });
  again();
}

function listen() {
  at("network").addEventListener("change", changeModel);
  at("files").addEventListener("change", () => { addFiles(at("files").files); at("files").value = ""; });
  at("camera").addEventListener("click", toggleCamera);
  at("take").addEventListener("click", take);
  at("mirror").addEventListener("change", again);
  at("square-on").addEventListener("change", () => { at("square").hidden = !at("square-on").checked; again(); });
  onSquare.changed = again;
  at("csv").addEventListener("click", () => save("gestures.csv", csvOf(results)));
  at("clear").addEventListener("click", () => { results = []; at("rows").replaceChildren(); at("many").hidden = true; });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "y" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat) take();
  });
  for (const kind of ["dragover", "drop", "dragleave"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      at("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop" && engine) addFiles(event.dataTransfer.files);
    });
  }
}

try {
  engine = await openEngine();
  listen();
  offerModels();
  about();
  at("notice").textContent = engine.notice || "";
  at("notice").hidden = !engine.notice;
  if (engine.metadata.crop === "hand") lookAtAHand();
  at("where").textContent = engine.notice ? "computer" : "browser";
  at("files").disabled = at("camera").disabled = false;
  document.body.dataset.ready = String(Math.round(performance.now())); // ms since the page was asked for
} catch (error) {
  console.error(error);
  at("about").textContent = "";
  showFailure(`The model cannot be used: ${error.message}`);
  document.body.dataset.failed = "1";
}
