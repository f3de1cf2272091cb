"use strict";
// The page as the user sees it. Photos wait in a queue and are classified one after another. The camera gives one at a time.
import { openEngine, pixelsOf, sizeOf } from "./engine.js";
import { PhotoError, fromDrawable } from "./pixels.js";
import { startCamera, cameraProblem } from "./camera.js";
import { onSquare, squareOf } from "./square.js";

const NUM_BARS = 3;
const NUM_ROWS = 500; // what the table shows; the CSV has all
const CLIP_WAIT_MS = 4000; // for the first picture of a clip; some browsers never say that they cannot show it
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
  at("status").classList.remove("failed");
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
  at("status").classList.add("failed");
  at("bars").replaceChildren();
  at("latency").textContent = "";
}

function addRow(name, result, failure) {
  results.push({ name, result, failure });
  at("many").hidden = results.length < 2;
  if (results.length > NUM_ROWS) return;
  const row = element("tr", undefined, failure ? "failed" : "");
  row.append(thumbnail(failure), element("td", name), element("td", failure || result.label || "no gesture"));
  row.append(element("td", failure ? "" : percent(result.ranked[0].probability)));
  at("rows").append(row);
}

/** The stage as a small picture, in a cell of the table, or a word where there is none. */
function thumbnail(failure) {
  const cell = element("td", undefined, "picture");
  const source = at("clip").hidden ? at("view") : at("clip");
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  if (failure || !width) {
    cell.textContent = "no picture";
    return cell;
  }
  const canvas = element("canvas");
  canvas.setAttribute("aria-hidden", "true"); // the name beside it says which file it is
  canvas.width = 144;
  canvas.height = 108;
  const factor = Math.min(canvas.width / width, canvas.height / height);
  const [w, h] = [width * factor, height * factor];
  canvas.getContext("2d").drawImage(source, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  cell.append(canvas);
  return cell;
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

/** Show a clip. A browser may not know its form, and the program that serves the page can still read it. */
async function play(file) {
  const clip = at("clip");
  at("stage").hidden = true;
  clip.hidden = true;
  URL.revokeObjectURL(clip.src);
  clip.src = URL.createObjectURL(file);
  await new Promise((resolve) => {
    clip.onloadeddata = clip.onerror = resolve;
    setTimeout(resolve, CLIP_WAIT_MS);
  });
  clip.hidden = !clip.videoWidth;
  clip.play().catch(() => {});
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
  if (count > 1) at("about").textContent = `file ${number + 1} of ${count}`;
  const photo = { blob: file, name: file.name };
  try {
    if (engine.takesClips) await play(file);
    else draw(await pixelsOf(photo));
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
  if (!shown || camera || engine.takesClips) return;
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
  const side = metadata.resize?.crop_size;
  const sees = [metadata.clipLen > 1 ? `clips of ${metadata.clipLen} frames` : "", side ? `${side}x${side} pixels` : "landmarks of hands"];
  const what = [`${metadata.labels.length} labels`, ...sees.filter(Boolean), runsAs];
  at("about").textContent = `${metadata.template}: ${what.join(", ")}`;
}

/** A model of clips takes video files. What belongs to photos is put away. */
function takeClips() {
  at("photo-heading").textContent = "Clip";
  document.title = document.querySelector("h1").textContent = "Gestures in clips";
  document.querySelector("label[for=files]").textContent = "Choose clips";
  at("files").accept = "video/*,.mkv,.avi,.gif";
  at("camera").hidden = at("settings").hidden = true;
}

/** Switch the square on for a model that was trained on cut-out hands. */
function lookAtAHand() {
  at("square-on").checked = true;
  at("square").hidden = false;
  at("hand").hidden = false;
}

/** Offer the models with their download sizes, or nothing if there is only one. */
function offerModels() {
  at("network").replaceChildren(...engine.models.map((model) => new Option(`${model.precision}, ${sizeOf(model)}`, model.precision)));
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
  if (engine.takesClips) takeClips();
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
