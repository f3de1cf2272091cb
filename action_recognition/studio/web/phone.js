// The page of a phone: its camera records clips into a gesture. All else is done on the computer.

import { drawHands } from "./drawing.js";
import { Frames } from "./frames.js";

const AGAIN_MS = 1500; // until a connection that was lost is tried again
const LATE_MS = 250; // hands that are later than that are shown in their own picture
const ENDED = "The computer has ended the connection. Scan a new code there to go on.";
const by = (id) => document.getElementById(id);
const video = by("video");
let socket = null;
let stream = null;
let facing = "user";
let recording = null; // the gesture that is being recorded, or counted for
let isCounting = false;
let isEnded = false;

const openSocket = () => (stream && socket?.readyState === WebSocket.OPEN ? socket : null);
const frames = new Frames(video, openSocket);

function say(text) {
  by("status").textContent = text;
}

function fail(text) {
  by("error").textContent = text;
  by("error").hidden = !text;
}

/** Show that this phone is not connected any more. */
function end() {
  isEnded = true;
  stopCamera();
  say("");
  fail(ENDED);
  for (const control of document.querySelectorAll("button, select, input")) control.disabled = true;
}

/** Ask for the gestures. Returns false where this phone may not, or nobody answers. */
async function refresh() {
  let response;
  try {
    response = await fetch("api/gestures");
  } catch (error) {
    fail("The computer does not answer. Is the studio still running, and the phone in its network?");
    return false;
  }
  if (response.status === 403) end();
  if (!response.ok) return false;
  show(await response.json());
  return true;
}

function show({ gestures, clips }) {
  const select = by("gesture");
  const chosen = select.value;
  select.replaceChildren(...gestures.map((name) => new Option(`${name} (${clips[name]})`, name)));
  if (gestures.includes(chosen)) select.value = chosen;
  document.body.dataset.ready = "1";
}

// ---- the camera

async function startCamera() {
  fail("");
  stream?.getTracks().forEach((track) => track.stop());
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: facing, width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
      audio: false,
    });
  } catch (error) {
    stopCamera();
    fail(cameraTrouble(error));
    return;
  }
  stream.getVideoTracks()[0].onended = () => { stopCamera(); fail("The camera has ended. Start it again."); };
  video.srcObject = stream;
  await video.play();
  by("stage").classList.toggle("mirror", facing === "user");
  showCamera(true);
  say("Choose a gesture, and press Record.");
  // A phone that sleeps records nothing. Not every browser can keep it awake.
  navigator.wakeLock?.request("screen").catch(() => {});
  if (!openSocket()) connect();
}

function cameraTrouble(error) {
  const known = {
    NotFoundError: "No camera was found.",
    OverconstrainedError: "This phone has no such camera.",
    NotAllowedError: "The camera was refused. Allow it in the settings of this page, then try again.",
    NotReadableError: "The camera is in use by another program. Close that, then try again.",
  };
  return known[error.name] ?? `The camera cannot be used (${error.name}).`;
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  showCamera(false);
  endRecording();
  by("overlay").getContext("2d").clearRect(0, 0, by("overlay").width, by("overlay").height);
  socket?.close();
}

function showCamera(isOn) {
  const had = document.activeElement;
  by("idle").hidden = isOn;
  by("other").hidden = by("stop-camera").hidden = !isOn;
  by("record").disabled = !isOn;
  if (!had || had.disabled || had.offsetParent === null) by(isOn ? "record" : "camera").focus();
}

/** Open the socket, also again whenever it is lost. */
function connect() {
  const mine = socket = new WebSocket(`wss://${location.host}/ws`);
  mine.onopen = () => {
    fail("");
    frames.forget();
    frames.run();
  };
  mine.onmessage = (message) => heard(JSON.parse(message.data));
  mine.onclose = () => {
    if (mine !== socket) return;
    endRecording();
    if (stream && !isEnded) setTimeout(reconnect, AGAIN_MS);
  };
}

async function reconnect() {
  const isThere = await refresh();
  if (!stream || isEnded) return;
  if (isThere) connect();
  else setTimeout(reconnect, AGAIN_MS);
}

function heard(message) {
  const does = {
    hands: heardHands,
    clip: () => { endRecording(); say("Saved."); refresh(); },
    changed: refresh,
    error: () => { frames.forget(); endRecording(); fail(message.text); },
    replaced: () => { stopCamera(); fail("The computer has taken the camera over. Start it again to take it back."); },
    ended: end,
  };
  does[message.type]?.(message);
}

function heardHands(message) {
  const frame = frames.take(message.time);
  if (!stream) return;
  const late = frame && performance.now() - frame.start > LATE_MS ? frame.grab : null;
  drawHands(by("overlay"), message.hands, video.videoWidth, video.videoHeight, late);
  if (message.recorded) {
    const share = Math.min(1, message.recorded.seconds / message.recorded.of);
    by("taken").firstElementChild.style.width = `${100 * share}%`;
  }
}

// ---- recording

async function toggleRecording() {
  if (isCounting) {
    endRecording();
    return;
  }
  if (recording) {
    openSocket()?.send(JSON.stringify({ type: "stop" }));
    return;
  }
  fail("");
  const label = recording = by("gesture").value;
  showRecording();
  if (by("countdown").checked && !(await countDown(label))) return;

  const length = by("length").value;
  const seconds = length === "rest" ? {} : { seconds: Number(length) };
  const who = { person: by("person").value.trim() || "me", session: by("session").value.trim() || "1" };
  const open = openSocket();
  if (!open) {
    endRecording();
    fail("The computer does not answer, so nothing is recorded.");
    return;
  }
  open.send(JSON.stringify({ type: "record", label, ...who, ...seconds }));
  by("taken").hidden = false;
  by("taken").firstElementChild.style.width = "0";
  say(`Recording ${label}…`);
}

/** Count before a recording. Resolves to false where it was ended meanwhile. */
async function countDown(label) {
  isCounting = true;
  for (const number of [3, 2, 1]) {
    by("count").textContent = number;
    by("count").hidden = false;
    say(`${label} in ${number}`);
    await new Promise((resolve) => { setTimeout(resolve, 700); });
    if (!isCounting) return false;
  }
  by("count").hidden = true;
  isCounting = false;
  return true;
}

function endRecording() {
  recording = null;
  isCounting = false;
  by("count").hidden = by("taken").hidden = true;
  showRecording();
}

function showRecording() {
  by("record").classList.toggle("running", Boolean(recording));
  by("what").textContent = recording ? "Stop" : "Record";
}

// ---- events of the page

// The code in the address is used up.
history.replaceState(null, "", "/");
by("camera").onclick = startCamera;
by("stop-camera").onclick = stopCamera;
by("other").onclick = () => {
  facing = facing === "user" ? "environment" : "user";
  startCamera();
};
by("record").onclick = toggleRecording;
for (const id of ["person", "session"]) {
  by(id).value = localStorage.getItem(id) ?? by(id).value;
  by(id).onchange = () => localStorage.setItem(id, by(id).value);
}
refresh();
