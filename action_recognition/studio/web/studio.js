// The page of the studio. The server has the truth: every change is asked for, then shown.

import { showActions } from "./actions.js";
import { onColumns, showColumns, showRecording } from "./columns.js";
import { drawHands } from "./drawing.js";
import { Frames } from "./frames.js";
import { showEvent, showJob, showLearned, showShares } from "./knows.js";
import { hasPhone, onPhone, showPhone } from "./phone_dialog.js";

const SENT_KEPT = 60;
const GRACE_MS = 400;
const LATE_MS = 250; // hands that are later than that are shown in their own picture
const STALE_MS = 1500; // hands that are not followed any more are not shown for longer
const HOLD_MS = 350; // a key that is down for longer records until it is up

const by = (id) => document.getElementById(id);
const video = by("video");
const delays = [];
let socket = null;
let stream = null;
let project = null;
let recording = null; // {label, isBegun}
let counting = 0;
let skipCount = () => {};
let held = null; // a key that is down: {key, timer, isLong, isOver}
let jobButton = "export"; // the one that began the last job
let endedAt = -Infinity; // when a recording ended
let quietSince = 0;
let trying = false;
let isAsking = false;
let asksAgain = false;
let lastHands = 0; // when hands were drawn, 0 where none are

const openSocket = () => (stream && socket?.readyState === WebSocket.OPEN ? socket : null);
const frames = new Frames(video, openSocket, (now) => { if (lastHands && now - lastHands > STALE_MS) clearHands(); });

// ---- telling

function say(text) {
  by("status").textContent = text;
}

function fail(text) {
  by("error").textContent = text;
  by("error").hidden = !text;
}

async function ask(name, body = {}) {
  const response = await fetch(`api/${name}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer.done;
}

/** Carry out a change, show the project again, and return {done} or {trouble}. */
async function attempt(name, body) {
  let answer;
  try {
    answer = { done: await ask(name, body) };
  } catch (error) {
    answer = { trouble: error.message };
  }
  await refresh();
  return answer;
}

/** Carry out a change, and say how it went. */
async function change(name, body, done) {
  fail("");
  const answer = await attempt(name, body);
  // Where the studio does not answer at all, that has been said.
  if (answer.trouble && by("error").hidden) fail(answer.trouble);
  else if (done) say(typeof done === "function" ? done(answer.done) : done);
  return answer;
}

// ---- the project

async function refresh() {
  // One request at a time: of many changes at once the last one counts.
  if (isAsking) {
    asksAgain = true;
    return;
  }
  isAsking = true;
  try {
    // The clips come only where they are others than those that are shown.
    const known = encodeURIComponent(project?.version ?? "");
    const found = await (await fetch(`api/project?known=${known}`)).json();
    const isNew = found.clips !== undefined;
    project = { ...found, clips: found.clips ?? project?.clips ?? [] };
    show(isNew);
  } catch (error) {
    fail("The studio does not answer. Is it still running in its terminal?");
  }
  isAsking = false;
  if (asksAgain) {
    asksAgain = false;
    refresh();
  }
}

function show(hasNewClips) {
  const had = document.activeElement;
  by("project").textContent = project.name;
  by("project").title = project.folder;
  document.title = `${project.name} · Gesture studio`;
  if (hasNewClips) showColumns(project);
  showLearned(project);
  if (!project.learned && trying) toggleTry();
  showJob(project.job);
  showActions(project, attempt);
  const news = showPhone(project.phone ?? null);
  if (news) say(news);
  handOver(had);
  document.body.dataset.ready = "1";
}

/** Give the focus of a control that has gone to the one in its place. */
function handOver(had) {
  const heirs = {
    camera: "stop-camera", "stop-camera": "camera", export: "stop-job", train: "stop-job", "stop-job": jobButton, try: "name",
  };
  const isGone = had && (had.disabled || had.offsetParent === null);
  if (isGone) by(heirs[had.id])?.focus();
}

async function renameGesture(old) {
  const name = prompt(`New name of ${old}`, old);
  if (!name || name.trim() === old) return;
  const { done } = await change("rename-gesture", { old, new: name }, `Renamed to ${name}.`);
  const column = [...by("columns").children].find((one) => one.dataset.name === done);
  column?.querySelector(".rename").focus();
}

async function upload(label, files) {
  for (const [place, file] of files.entries()) {
    say(`Adding ${file.name} (${place + 1} of ${files.length})…`);
    const query = new URLSearchParams({ label, name: file.name, person: person(), session: session() });
    try {
      const response = await fetch(`api/upload?${query}`, { method: "POST", body: file });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      say(`${file.name} is added to ${label}.`);
    } catch (error) {
      fail(`${file.name}: ${error.message}`);
    }
  }
  await refresh();
}

// ---- the camera

const person = () => by("person").value.trim() || "me";
const session = () => by("session").value.trim() || "1";

async function startCamera() {
  fail("");
  if (!navigator.mediaDevices?.getUserMedia) {
    fail("This browser gives no camera here. Open the page as http://127.0.0.1, in a current browser.");
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } }, audio: false,
    });
  } catch (error) {
    fail(cameraTrouble(error));
    return;
  }
  stream.getVideoTracks()[0].onended = () => { stopCamera(); fail("The camera was unplugged."); };
  video.srcObject = stream;
  await video.play();
  showCamera(true);
  await connect();
}

function cameraTrouble(error) {
  const known = {
    NotFoundError: "No camera was found. Plug one in, or drop video files on the columns.",
    NotAllowedError: "The camera was refused. Allow it beside the address of this page, then try again.",
    NotReadableError: "The camera is in use by another program. Close that, then try again.",
  };
  return known[error.name] ?? `The camera cannot be used (${error.name}).`;
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  showCamera(false);
  delays.length = 0;
  by("speed").textContent = "";
  clearHands();
  // While the socket can still tell the server.
  if (trying) toggleTry();
  socket?.close();
}

function showCamera(isOn) {
  const had = document.activeElement;
  by("idle").hidden = isOn;
  by("stop-camera").hidden = !isOn;
  handOver(had);
}

function clearHands() {
  lastHands = 0;
  by("overlay").getContext("2d").clearRect(0, 0, by("overlay").width, by("overlay").height);
}

/** Open the socket, also again whenever it closes. Resolves when it is open, or cannot be. */
function connect() {
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    frames.forget();
    frames.run();
    if (trying) tell({ type: "try", on: true });
    // Without a socket the page was told of nothing.
    refresh();
  };
  socket.onmessage = (message) => heard(JSON.parse(message.data));
  socket.onclose = () => {
    clearHands();
    endRecording();
    if (stream) setTimeout(() => { if (stream) connect(); refresh(); }, 1500);
  };
  const mine = socket;
  return new Promise((resolve) => { for (const kind of ["open", "close"]) mine.addEventListener(kind, resolve); });
}

/** Tell the server something, and return false where it does not hear. */
function tell(message) {
  const isOpen = socket?.readyState === WebSocket.OPEN;
  if (isOpen) socket.send(JSON.stringify(message));
  return isOpen;
}

function heard(message) {
  const does = {
    hands: heardHands,
    clip: () => { endRecording(); say("Saved."); refresh(); },
    changed: refresh,
    error: () => { frames.forget(); endRecording(); fail(message.text); },
    replaced: () => {
      stopCamera();
      fail(`${message.by_phone ? "The phone" : "Another tab"} has taken the camera over. Start it again to take it back.`);
    },
  };
  does[message.type]?.(message);
}

function heardHands(message) {
  const now = performance.now();
  const frame = frames.take(message.time);
  const late = frame && now - frame.start > LATE_MS ? frame.grab : null;
  drawHands(by("overlay"), message.hands, video.videoWidth, video.videoHeight, late);
  lastHands = now;
  if (frame) showSpeed(now, now - frame.start);
  if (message.shares) showShares(message.shares);
  if (message.event) {
    showEvent(message.event);
    say(message.event.label);
  }
  if (message.recorded) {
    const share = Math.min(1, message.recorded.seconds / message.recorded.of);
    by("taken").firstElementChild.style.width = `${100 * share}%`;
  }
}

function showSpeed(now, delay) {
  delays.push([now, delay]);
  while (delays.length > SENT_KEPT) delays.shift();
  const span = (delays.at(-1)[0] - delays[0][0]) / 1000;
  const middle = delays.map(([, one]) => one).sort((a, b) => a - b)[delays.length >> 1];
  if (span > 0.5) by("speed").textContent = `${((delays.length - 1) / span).toFixed(0)} fps · ${middle.toFixed(0)} ms`;
}

// ---- recording

async function toggleRecording(label) {
  if (counting) {
    counting += 1; // ends the count
    endRecording();
    return;
  }
  if (recording) {
    tell({ type: "stop" });
    return;
  }
  // Whoever wanted to stop a recording that ended by itself does not want another one.
  if (performance.now() - endedAt < GRACE_MS) return;
  const key = held;
  if (!stream) await startCamera();
  // The camera may have asked for its permission meanwhile.
  if (!stream || key?.isOver) return;
  fail("");
  if (trying) toggleTry();
  if (by("countdown").checked && !key?.isLong && !(await countDown(label))) return;
  if (key?.isOver) {
    endRecording();
    return;
  }
  const length = by("length").value;
  const seconds = length === "rest" ? {} : { seconds: Number(length) };
  if (!tell({ type: "record", label, person: person(), session: session(), ...seconds })) {
    endRecording();
    fail("The studio does not answer, so nothing is recorded.");
    return;
  }
  if (key?.isLong) tell({ type: "hold" });
  recording = { label, isBegun: true };
  by("taken").hidden = false;
  by("taken").firstElementChild.style.width = "0";
  say(`Recording ${label}…`);
  showRecording(label);
}

async function countDown(label) {
  counting = Date.now();
  const mine = counting;
  recording = { label, isBegun: false };
  showRecording(label);
  for (const number of [3, 2, 1]) {
    if (held?.isLong) break;
    by("count").textContent = number;
    by("count").hidden = false;
    say(`${label} in ${number}`);
    await new Promise((resolve) => { skipCount = resolve; setTimeout(resolve, 700); });
    if (counting !== mine) return false;
  }
  by("count").hidden = true;
  counting = 0;
  return true;
}

function endRecording() {
  if (recording && !counting) endedAt = performance.now();
  recording = null;
  counting = 0;
  by("count").hidden = true;
  by("taken").hidden = true;
  showRecording(null);
}

/** Record by a key: a tap begins and ends, and a key that is held records until it is up. */
function pressKey(key, label) {
  const begins = !recording;
  releaseKey();
  if (begins) held = { key, isLong: false, isOver: false, timer: setTimeout(holdKey, HOLD_MS) };
  toggleRecording(label);
}

function holdKey() {
  held.isLong = true;
  // Whoever holds the key is ready.
  skipCount();
  if (recording?.isBegun) tell({ type: "hold" });
}

function releaseKey() {
  if (!held) return;
  clearTimeout(held.timer);
  held.isOver = held.isLong;
  if (held.isLong && recording?.isBegun) tell({ type: "stop" });
  held = null;
}

// ---- trying

function toggleTry() {
  trying = !trying;
  by("try").setAttribute("aria-pressed", String(trying));
  by("try").textContent = trying ? "Stop trying" : "Try it";
  by("trying").hidden = !trying;
  if (!trying) by("bars").replaceChildren();
  quietSince = performance.now();
  tell({ type: "try", on: trying });
  say(trying ? "Show a gesture." : "");
  if (trying && !stream) startCamera();
}

function wasWrong() {
  tell({ type: "wrong", label: by("truth").value, person: person(), session: session() });
  quietSince = performance.now();
  say(`The last three seconds are a clip of ${by("truth").value} now.`);
}

setInterval(() => {
  const seconds = Math.floor((performance.now() - quietSince) / 1000);
  if (trying) by("quiet").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, 500);

// ---- events of the page

onPhone(attempt);
onColumns({ change, upload, rename: renameGesture, record: toggleRecording });
by("camera").onclick = startCamera;
by("stop-camera").onclick = stopCamera;
by("mirror").onchange = () => by("stage").classList.toggle("mirror", by("mirror").checked);
by("try").onclick = toggleTry;
by("wrong").onclick = wasWrong;
by("undo").onclick = () => change("undo", {}, (name) => (name ? `Undone: ${name}.` : "There is nothing to undo."));
for (const name of ["export", "train"]) {
  by(name).onclick = () => { jobButton = name; change(name); };
}
by("stop-job").onclick = () => change("stop");
by("add").onsubmit = async (event) => {
  event.preventDefault();
  const name = by("name").value;
  const { trouble } = await change("add-gesture", { name }, (made) => `${made} is added.`);
  if (!trouble) by("name").value = "";
};
for (const id of ["person", "session"]) {
  by(id).value = localStorage.getItem(id) ?? by(id).value;
  by(id).onchange = () => localStorage.setItem(id, by(id).value);
}
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea");
  if (isTyping || by("phone").open || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const label = project?.gestures[Number(event.key) - 1];
  if (label && /^[1-9]$/.test(event.key)) pressKey(event.key, label);
  if (event.key === "u") by("undo").click();
  if (event.key === "t" && !by("try").disabled) toggleTry();
});
document.addEventListener("keyup", (event) => { if (event.key === held?.key) releaseKey(); });
// A key that comes up elsewhere is not heard here.
window.addEventListener("blur", releaseKey);
by("stage").classList.add("mirror");
refresh();
setInterval(() => { if (project?.job?.state === "running" || project?.busy || hasPhone()) refresh(); }, 1000);
