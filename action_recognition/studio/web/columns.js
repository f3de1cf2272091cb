// A column for each gesture, with its clips. A project may have 2,000 of them, so what is not seen is made later.

const AT_ONCE = 24; // clips of a column that are made before the page is shown
const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 30));
const by = (id) => document.getElementById(id);

let project = null;
let does = {}; // what a click or a drop asks for
let recorded = null; // the gesture that is being recorded

/** State what columns ask for: change, rename, record and upload. */
export function onColumns(asked) {
  does = asked;
}

/** Show the gestures and clips of a project. */
export function showColumns(found) {
  project = found;
  const clips = grouped(project.clips);
  const columns = by("columns");
  const old = new Map([...columns.children].map((item) => [item.dataset.name, item]));
  project.gestures.forEach((name, place) => {
    const column = old.get(name) ?? newColumn(name);
    old.delete(name);
    if (columns.children[place] !== column) columns.insertBefore(column, columns.children[place] ?? null);
    column.clips = (clips.get(name) ?? []).reverse();
    fillHead(column, name, place);
    fillClips(column);
  });
  for (const column of old.values()) {
    const hadFocus = column.contains(document.activeElement);
    column.remove();
    if (hadFocus) columns.lastElementChild.querySelector(".record").focus();
  }
  fillRest();
}

/** Show which gesture is being recorded, if any. */
export function showRecording(label) {
  recorded = label;
  [...by("columns").children].forEach((column) => fillRecord(column, column.dataset.name));
}

function grouped(clips) {
  const groups = new Map();
  for (const clip of clips) {
    if (groups.has(clip.label)) groups.get(clip.label).push(clip);
    else groups.set(clip.label, [clip]);
  }
  return groups;
}

function newColumn(name) {
  const column = by("column").content.firstElementChild.cloneNode(true);
  const isMine = name !== project.no_gesture;
  column.dataset.name = name;
  column.most = AT_ONCE;
  column.querySelector("h3").textContent = name;
  const [rename, remove] = [column.querySelector(".rename"), column.querySelector("header .remove")];
  rename.hidden = remove.hidden = !isMine;
  rename.setAttribute("aria-label", `Rename ${name}`);
  remove.setAttribute("aria-label", `Delete ${name} and its clips`);
  rename.onclick = () => does.rename(name);
  remove.onclick = () => does.change("remove-gesture", { name }, `${name} is deleted. Undo brings it back.`);
  column.querySelector(".record").onclick = () => does.record(name);
  const files = column.querySelector(".drop input");
  column.querySelector(".drop .whom").textContent = ` for ${name}`;
  files.onchange = () => does.upload(name, [...files.files]).then(() => { files.value = ""; });
  column.ondragover = (event) => { event.preventDefault(); column.classList.add("over"); };
  column.ondragleave = () => column.classList.remove("over");
  column.ondrop = (event) => {
    event.preventDefault();
    column.classList.remove("over");
    const file = event.dataTransfer.getData("text/x-clip");
    if (file) does.change("move-clip", { file, label: name }, `Moved to ${name}.`);
    else does.upload(name, [...event.dataTransfer.files]);
  };
  return column;
}

function fillHead(column, name, place) {
  const [number, least] = [column.clips.length, project.least_clips];
  column.querySelector(".number").textContent = number < least ? `${number} of ${least}` : `${number} clips`;
  column.classList.toggle("enough", number >= least);
  column.querySelector("kbd").textContent = place < 9 ? String(place + 1) : "";
  const record = column.querySelector(".record");
  if (place < 9) record.setAttribute("aria-keyshortcuts", String(place + 1));
  else record.removeAttribute("aria-keyshortcuts");
  fillRecord(column, name);
}

function fillRecord(column, name) {
  const record = column.querySelector(".record");
  const isRunning = recorded === name;
  record.classList.toggle("running", isRunning);
  record.querySelector(".what").textContent = isRunning ? "Stop" : "Record";
  record.querySelector(".whom").textContent = `${isRunning ? " recording" : ""} ${name}`;
}

function fillClips(column) {
  const list = column.querySelector(".clips");
  const old = new Map([...list.children].map((item) => [item.dataset.file, item]));
  // What is there already stays, also below those that are made at once.
  const clips = column.clips.slice(0, Math.max(column.most, old.size));
  const files = new Set(clips.map((clip) => clip.file));
  // While the others are in their places.
  for (const [file, item] of old) if (!files.has(file)) dropClip(column, item);
  clips.forEach((clip, index) => {
    const item = old.get(clip.file) ?? newClip(clip);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    fillClip(item, clip);
  });
}

/** Make the other clips, a column at a time, while the browser has nothing else to do. */
function fillRest() {
  const column = [...by("columns").children].find((one) => one.most < one.clips.length);
  if (!column) return;
  column.most = Infinity;
  whenIdle(() => {
    fillClips(column);
    fillRest();
  });
}

/** Remove a clip from the page. Who deletes clips by the keyboard goes on with the next one. */
function dropClip(column, item) {
  const had = item.contains(document.activeElement) ? document.activeElement : null;
  const next = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  if (had) (next?.querySelector(had.matches(".move") ? ".move" : ".remove") ?? column.querySelector(".record")).focus();
}

function newClip(clip) {
  const item = by("clip").content.firstElementChild.cloneNode(true);
  item.dataset.file = clip.file;
  item.draggable = true;
  item.ondragstart = (event) => event.dataTransfer.setData("text/x-clip", clip.file);
  const remove = item.querySelector(".remove");
  remove.setAttribute("aria-label", `Delete ${clip.file}`);
  remove.onclick = () => does.change("remove-clip", { file: clip.file }, "Deleted. Undo brings it back.");
  const move = item.querySelector(".move");
  move.setAttribute("aria-label", `Move ${clip.file} to`);
  move.onchange = () => does.change("move-clip", { file: clip.file, label: move.value }, `Moved to ${move.value}.`);
  return item;
}

function fillClip(item, clip) {
  const move = item.querySelector(".move");
  if (move.dataset.names !== undefined) fillMove(move, clip.label);
  else move.onfocus = move.onpointerdown = () => fillMove(move, clip.label);
  // Most clips are as they were.
  const facts = JSON.stringify(clip);
  if (item.facts === facts) return;
  item.facts = facts;

  const picture = item.querySelector(".moving");
  picture.classList.toggle("waiting", !clip.ready);
  if (clip.ready) {
    picture.style.backgroundImage = `url("api/thumbnail?file=${encodeURIComponent(clip.file)}")`;
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
}

/** List the gestures. A list is made when it is wanted. */
function fillMove(move, label) {
  const names = [label, ...project.gestures.filter((name) => name !== label)];
  fillSelect(move, names, label, (name) => (name === label ? "→" : name));
}

/** Offer names in a select. */
export function fillSelect(select, names, chosen, text = (name) => name) {
  const key = names.join("\n");
  if (select.dataset.names !== key) {
    select.dataset.names = key;
    select.replaceChildren(...names.map((name) => new Option(text(name), name)));
  }
  if (names.includes(chosen)) select.value = chosen;
}
