// The page of the studio. The server has the truth: every change is asked for, then shown.

import { drawHands } from "./drawing.js";

const RATE = 15; // frames a second that are sent at most
const WIDTH = 640; // pixels of the frames that are sent
const QUALITY = 0.85;
const IN_FLIGHT = 2; // frames that wait for their answer
const SENT_KEPT = 60;

const by = (id) => document.getElementById(id);
const video = by("video");
const grab = document.createElement("canvas");
const sent = new Map(); // times of frames that wait
const delays = [];
let socket = null;
let stream = null;
let project = null;
let recording = null; // {label, started}
let counting = 0;
let quietSince = 0;
let trying = false;
let isAsking = false;
let asksAgain = false;
let lastFrame = 0;

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

/** Carry out a change, say how it went, and show the project again. */
async function change(name, body, done) {
  try {
    fail("");
    const result = await ask(name, body);
    if (done) say(typeof done === "function" ? done(result) : done);
  } catch (error) {
    fail(error.message);
  }
  await refresh();
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
    project = await (await fetch("api/project")).json();
    show();
  } catch (error) {
    fail("The studio does not answer. Is it still running in its terminal?");
  }
  isAsking = false;
  if (asksAgain) {
    asksAgain = false;
    refresh();
  }
}

function show() {
  by("project").textContent = project.name;
  by("project").title = project.folder;
  document.title = `${project.name} · Gesture studio`;
  showColumns();
  showLearned();
  showJob();
  document.body.dataset.ready = "1";
}

function showColumns() {
  const columns = by("columns");
  const old = new Map([...columns.children].map((item) => [item.dataset.name, item]));
  project.gestures.forEach((name, place) => {
    const column = old.get(name) ?? newColumn(name);
    old.delete(name);
    if (columns.children[place] !== column) columns.insertBefore(column, columns.children[place] ?? null);
    fillColumn(column, name, place);
  });
  for (const column of old.values()) column.remove();
}

function newColumn(name) {
  const column = by("column").content.firstElementChild.cloneNode(true);
  const isMine = name !== project.no_gesture;
  column.dataset.name = name;
  column.querySelector("h3").textContent = name;
  const [rename, remove] = [column.querySelector(".rename"), column.querySelector("header .remove")];
  rename.hidden = remove.hidden = !isMine;
  rename.setAttribute("aria-label", `Rename ${name}`);
  remove.setAttribute("aria-label", `Delete ${name} and its clips`);
  rename.onclick = () => renameGesture(name);
  remove.onclick = () => change("remove-gesture", { name }, `${name} is deleted. Undo brings it back.`);
  column.querySelector(".record").onclick = () => toggleRecording(name);
  const files = column.querySelector(".drop input");
  files.setAttribute("aria-label", `Add files to ${name}`);
  files.onchange = () => upload(name, [...files.files]).then(() => { files.value = ""; });
  column.ondragover = (event) => { event.preventDefault(); column.classList.add("over"); };
  column.ondragleave = () => column.classList.remove("over");
  column.ondrop = (event) => {
    event.preventDefault();
    column.classList.remove("over");
    const file = event.dataTransfer.getData("text/x-clip");
    if (file) change("move-clip", { file, label: name }, `Moved to ${name}.`);
    else upload(name, [...event.dataTransfer.files]);
  };
  return column;
}

function fillColumn(column, name, place) {
  const clips = project.clips.filter((clip) => clip.label === name);
  const number = column.querySelector(".number");
  const least = project.least_clips;
  number.textContent = clips.length < least ? `${clips.length} of ${least}` : `${clips.length} clips`;
  column.classList.toggle("enough", clips.length >= least);
  column.querySelector("kbd").textContent = place < 9 ? String(place + 1) : "";
  const record = column.querySelector(".record");
  const isRunning = recording?.label === name;
  record.classList.toggle("running", isRunning);
  record.querySelector(".what").textContent = isRunning ? "Stop" : "Record";
  record.setAttribute("aria-label", `${isRunning ? "Stop recording" : "Record"} ${name}`);

  const list = column.querySelector(".clips");
  const old = new Map([...list.children].map((item) => [item.dataset.file, item]));
  clips.reverse().forEach((clip, index) => {
    const item = old.get(clip.file) ?? newClip(clip);
    old.delete(clip.file);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    fillClip(item, clip);
  });
  for (const item of old.values()) item.remove();
}

function newClip(clip) {
  const item = by("clip").content.firstElementChild.cloneNode(true);
  item.dataset.file = clip.file;
  item.draggable = true;
  item.ondragstart = (event) => event.dataTransfer.setData("text/x-clip", clip.file);
  const remove = item.querySelector(".remove");
  remove.setAttribute("aria-label", `Delete ${clip.file}`);
  remove.onclick = () => change("remove-clip", { file: clip.file }, "Deleted. Undo brings it back.");
  const move = item.querySelector(".move");
  move.setAttribute("aria-label", `Move ${clip.file} to`);
  move.onchange = () => change("move-clip", { file: clip.file, label: move.value }, `Moved to ${move.value}.`);
  return item;
}

function fillClip(item, clip) {
  const picture = item.querySelector(".moving");
  picture.classList.toggle("waiting", !clip.ready);
  const address = `url("api/thumbnail?file=${encodeURIComponent(clip.file)}")`;
  if (clip.ready && item.dataset.address !== address) {
    item.dataset.address = address;
    picture.style.backgroundImage = address;
    picture.style.backgroundSize = `${project.thumbnail_frames}00% 100%`;
  }
  const wrong = clip.badges.join(", ");
  picture.setAttribute("aria-label", `${clip.file}, ${clip.seconds} seconds${wrong ? `: ${wrong}` : ""}`);
  item.title = `${clip.file} · ${clip.seconds} s`;
  item.querySelector(".badges").replaceChildren(...clip.badges.map((badge) => {
    const span = document.createElement("span");
    span.textContent = badge;
    return span;
  }));
  const names = [clip.label, ...project.gestures.filter((name) => name !== clip.label)];
  fillSelect(item.querySelector(".move"), names, clip.label, (name) => (name === clip.label ? "→" : name));
}

function fillSelect(select, names, chosen, text = (name) => name) {
  const key = names.join("\n");
  if (select.dataset.names !== key) {
    select.dataset.names = key;
    select.replaceChildren(...names.map((name) => new Option(text(name), name)));
  }
  if (names.includes(chosen)) select.value = chosen;
}

async function renameGesture(old) {
  const name = prompt(`New name of ${old}`, old);
  if (name && name.trim() !== old) await change("rename-gesture", { old, new: name }, `Renamed to ${name}.`);
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

// ---- what it knows

function showLearned() {
  const learned = project.learned;
  by("try").disabled = !learned;
  by("export").disabled = by("train").disabled = !learned || project.job?.state === "running";
  by("summary").textContent = summary(learned);
  by("advice").textContent = learned?.advice ?? "";
  by("advice").hidden = !learned?.advice;
  by("table-part").hidden = !learned;
  if (learned) showTable(learned);
  fillSelect(by("truth"), [project.no_gesture, ...project.gestures.filter((name) => name !== project.no_gesture)],
    by("truth").value || project.no_gesture);
  if (!learned && trying) toggleTry();
}

function summary(learned) {
  if (project.error) return `Learning failed: ${project.error}`;
  if (project.busy && !learned) return "Looking at the clips…";
  if (!learned) return `Nothing is taught yet: two gestures with ${project.least_clips} clips each are needed.`;
  const how = learned.people_apart ? "of people it had not seen" : "that were left out in turn";
  const busy = project.busy ? " Learning again…" : "";
  return `Knows ${learned.gestures.length} gestures from ${learned.clips} clips. Of clips ${how}, ` +
    `${Math.round(learned.accuracy)} % are right.${busy}`;
}

function showTable(learned) {
  const table = by("confusion");
  const rows = [["is ↓ taken for →", ...learned.gestures].map((text) => heading(text, "col"))];
  learned.confusion.forEach((counts, place) => {
    const cells = counts.map((count, other) => {
      const cell = document.createElement("td");
      cell.textContent = count || "";
      if (count) cell.className = place === other ? "right" : "mixed";
      return cell;
    });
    rows.push([heading(learned.gestures[place], "row"), ...cells]);
  });
  table.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  }));
}

function heading(text, scope) {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = text;
  return cell;
}

function showJob() {
  const job = project.job;
  by("job").hidden = !job;
  by("stop-job").hidden = job?.state !== "running";
  if (!job) return;
  by("job-name").textContent = job.name;
  const where = job.state === "done" ? `, in ${job.folder}` : "";
  by("job-state").textContent = `${job.state}${where}`;
  by("job-lines").textContent = job.lines.join("\n");
}

function showShares(shares) {
  const names = Object.keys(shares).sort((a, b) => shares[b] - shares[a]).slice(0, 8);
  const list = by("bars");
  while (list.children.length > names.length) list.lastChild.remove();
  names.forEach((name, place) => {
    let item = list.children[place];
    if (!item) {
      item = document.createElement("li");
      item.innerHTML = "<span></span><span></span><div class=bar><div></div></div>";
      list.append(item);
    }
    const percent = Math.round(100 * shares[name]);
    item.className = place === 0 && percent >= 60 ? "best" : "";
    item.children[0].textContent = name;
    item.children[1].textContent = `${percent} %`;
    item.querySelector(".bar div").style.width = `${percent}%`;
  });
}

function showEvent(event) {
  const item = document.createElement("li");
  item.textContent = event.label;
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { minute: "2-digit", second: "2-digit" });
  item.append(time);
  by("events").prepend(item);
  while (by("events").children.length > 12) by("events").lastChild.remove();
  say(event.label);
  const said = by("said");
  said.textContent = event.label;
  said.classList.add("new");
  setTimeout(() => said.classList.remove("new"), 900);
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
  by("idle").hidden = true;
  by("stop-camera").hidden = false;
  connect();
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
  by("idle").hidden = false;
  by("stop-camera").hidden = true;
  by("overlay").getContext("2d").clearRect(0, 0, by("overlay").width, by("overlay").height);
  // While the socket can still tell the server.
  if (trying) toggleTry();
  socket?.close();
}

function connect() {
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { sent.clear(); sendFrame(); if (trying) tell({ type: "try", on: true }); };
  socket.onmessage = (message) => heard(JSON.parse(message.data));
  socket.onclose = () => {
    endRecording();
    if (stream) setTimeout(() => { if (stream) connect(); refresh(); }, 1500);
  };
}

function tell(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function sendFrame() {
  if (!stream || socket?.readyState !== WebSocket.OPEN) return;
  const now = performance.now();
  const isDue = now - lastFrame >= 1000 / RATE - 4;
  if (isDue && sent.size < IN_FLIGHT && video.videoWidth) {
    lastFrame = now;
    grab.width = WIDTH;
    grab.height = Math.round((WIDTH * video.videoHeight) / video.videoWidth / 2) * 2;
    grab.getContext("2d").drawImage(video, 0, 0, grab.width, grab.height);
    const time = now / 1000;
    sent.set(time, now);
    grab.toBlob(async (blob) => {
      const data = new Uint8Array(8 + blob.size);
      new DataView(data.buffer).setFloat64(0, time, true);
      data.set(new Uint8Array(await blob.arrayBuffer()), 8);
      if (socket?.readyState === WebSocket.OPEN) socket.send(data);
    }, "image/jpeg", QUALITY);
  }
  // A frame without an answer for long was dropped.
  for (const [time, start] of sent) if (now - start > 2000) sent.delete(time);
  setTimeout(sendFrame, isDue ? 1000 / RATE / 4 : 1000 / RATE / 8);
}

function heard(message) {
  const does = {
    hands: heardHands,
    clip: () => { endRecording(); say("Saved."); refresh(); },
    changed: refresh,
    error: () => { sent.clear(); endRecording(); fail(message.text); },
    replaced: () => { stopCamera(); fail("Another tab has taken the camera over. Start it again to take it back."); },
  };
  does[message.type]?.(message);
}

function heardHands(message) {
  const now = performance.now();
  const start = sent.get(message.time);
  sent.delete(message.time);
  drawHands(by("overlay"), message.hands, video.videoWidth, video.videoHeight);
  if (start !== undefined) {
    delays.push([now, now - start]);
    while (delays.length > SENT_KEPT) delays.shift();
    const span = (delays.at(-1)[0] - delays[0][0]) / 1000;
    const middle = delays.map(([, delay]) => delay).sort((a, b) => a - b)[delays.length >> 1];
    if (span > 1) by("speed").textContent = `${((delays.length - 1) / span).toFixed(0)} fps · ${middle.toFixed(0)} ms`;
  }
  if (message.shares) showShares(message.shares);
  if (message.event) showEvent(message.event);
  if (message.recorded) {
    const share = Math.min(1, message.recorded.seconds / message.recorded.of);
    by("taken").firstElementChild.style.width = `${100 * share}%`;
  }
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
  if (!stream) await startCamera();
  if (!stream) return;
  fail("");
  if (trying) toggleTry();
  if (by("countdown").checked && !(await countDown(label))) return;
  recording = { label };
  by("taken").hidden = false;
  by("taken").firstElementChild.style.width = "0";
  say(`Recording ${label}…`);
  tell({ type: "record", label, person: person(), session: session(), seconds: Number(by("length").value) });
  showColumns();
}

async function countDown(label) {
  counting = Date.now();
  const mine = counting;
  recording = { label };
  showColumns();
  for (const number of [3, 2, 1]) {
    by("count").textContent = number;
    by("count").hidden = false;
    say(`${label} in ${number}`);
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (counting !== mine) return false;
  }
  by("count").hidden = true;
  counting = 0;
  return true;
}

function endRecording() {
  recording = null;
  counting = 0;
  by("count").hidden = true;
  by("taken").hidden = true;
  if (project) showColumns();
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

by("camera").onclick = startCamera;
by("stop-camera").onclick = stopCamera;
by("mirror").onchange = () => by("stage").classList.toggle("mirror", by("mirror").checked);
by("try").onclick = toggleTry;
by("wrong").onclick = wasWrong;
by("undo").onclick = () => change("undo", {}, (name) => (name ? `Undone: ${name}.` : "There is nothing to undo."));
by("export").onclick = () => change("export");
by("train").onclick = () => change("train");
by("stop-job").onclick = () => change("stop");
by("add").onsubmit = async (event) => {
  event.preventDefault();
  const name = by("name").value;
  await change("add-gesture", { name }, (made) => `${made} is added.`);
  if (by("error").hidden) by("name").value = "";
};
for (const id of ["person", "session"]) {
  by(id).value = localStorage.getItem(id) ?? by(id).value;
  by(id).onchange = () => localStorage.setItem(id, by(id).value);
}
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const label = project?.gestures[Number(event.key) - 1];
  if (label && /^[1-9]$/.test(event.key)) toggleRecording(label);
  if (event.key === "u") by("undo").click();
  if (event.key === "t" && !by("try").disabled) toggleTry();
});
by("stage").classList.add("mirror");
refresh();
setInterval(() => { if (project?.job?.state === "running" || project?.busy) refresh(); }, 1000);
