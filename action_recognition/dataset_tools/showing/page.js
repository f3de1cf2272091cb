"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const PAGE = 120;
let limit = PAGE;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function findingLine(finding) {
  const line = element("p", undefined, finding.kind.startsWith("note-") ? "finding note" : "finding");
  line.append(element("b", finding.kind), ` ${finding.message}${finding.repair ? "; to repair: " + finding.repair : ""}`);
  return line;
}

// The picture holds all frames side by side. The box shows one of them, and they follow each other.
function film(clip) {
  const picture = element("img");
  picture.addEventListener("load", () => {
    picture.style.aspectRatio = `${picture.naturalWidth / data.framesInStrip} / ${picture.naturalHeight}`;
    picture.style.setProperty("--frames", data.framesInStrip);
    picture.style.animationDuration = `${Math.min(Math.max(clip.seconds || 1, 0.5), 5)}s`;
  });
  picture.addEventListener("click", () => picture.classList.toggle("stopped"));
  picture.src = clip.image;
  picture.alt = clip.path;
  picture.title = "click: stop or play";
  return picture;
}

function card(clip) {
  const problems = clip.findings.some((finding) => !finding.kind.startsWith("note-"));
  const made = element("div", undefined, "clip" + (problems ? " problem" : clip.findings.length ? " note" : ""));
  if (clip.image) {
    made.append(film(clip));
  } else {
    made.append(element("div", "no picture", "none"));
  }
  const numbers = [clip.seconds === null ? "" : clip.seconds.toFixed(2) + " s", clip.rate ? clip.rate.toFixed(2) + " fps" : ""];
  made.append(element("div", [clip.label, clip.person, clip.split, ...numbers].filter(Boolean).join(" · ")));
  made.append(element("div", clip.path, "where"), element("div", `${clip.file}:${clip.line}`, "where"));
  made.append(...clip.findings.map(findingLine));
  return made;
}

function select(name, title, values) {
  const label = element("label", title + " ");
  const chosen = element("select");
  chosen.id = name;
  chosen.append(new Option("all", ""));
  for (const [value, count] of values) chosen.append(new Option(`${value} (${count})`, "=" + value));
  chosen.addEventListener("change", () => { limit = PAGE; draw(); });
  label.append(chosen);
  return label;
}

function counted(lists) {
  const counts = new Map();
  for (const list of lists) for (const value of new Set(list)) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

function kinds(clip) {
  if (!clip.findings.length) return ["no findings"];
  return ["any finding", ...clip.findings.map((finding) => finding.kind)];
}

function personOf(clip) {
  return clip.person || "unknown";
}

// A row for each class: its clips in each split, and its people.
function classTable(clips) {
  const splits = [...new Set(data.clips.map((clip) => clip.split))];
  const table = element("table");
  const row = (tag, cells) => {
    const made = element("tr");
    made.append(...cells.map((cell) => element(tag, String(cell))));
    table.append(made);
  };
  const counts = (some) => [...splits.map((split) => some.filter((clip) => clip.split === split).length),
    some.length, new Set(some.map((clip) => clip.person).filter(Boolean)).size || "unknown"];
  row("th", ["class", ...splits, "all", "people"]);
  for (const [label] of counted(clips.map((clip) => [clip.label]))) {
    row("td", [label, ...counts(clips.filter((clip) => clip.label === label))]);
  }
  row("td", ["all", ...counts(clips)]);
  return table;
}

function isShown(clip) {
  const chosen = (name) => document.getElementById(name).value.slice(1);
  const all = (name) => document.getElementById(name).value === "";
  return (all("class") || clip.label === chosen("class")) && (all("split") || clip.split === chosen("split")) &&
    (all("person") || personOf(clip) === chosen("person")) &&
    (all("finding") || kinds(clip).includes(chosen("finding")));
}

function svg(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function histogram(title, values) {
  const width = 320, height = 110, bars = 24;
  const picture = svg("svg", { width: width, height: height + 34, role: "img" });
  picture.append(svg("text", { x: 0, y: 12 }, `${title}: ${values.length} clips`));
  if (!values.length) return picture;
  const low = Math.min(...values), high = Math.max(...values), step = (high - low) / bars || 1;
  const counts = new Array(bars).fill(0);
  for (const value of values) counts[Math.min(bars - 1, Math.floor((value - low) / step))] += 1;
  const most = Math.max(...counts);
  counts.forEach((count, i) => {
    const tall = (height - 20) * count / most;
    const bar = svg("rect", { x: i * width / bars, y: height - tall, width: width / bars - 1, height: tall });
    bar.append(svg("title", {}, `${(low + i * step).toFixed(2)} to ${(low + (i + 1) * step).toFixed(2)}: ${count}`));
    picture.append(bar);
  });
  picture.append(svg("text", { x: 0, y: height + 14 }, low.toFixed(2)));
  picture.append(svg("text", { x: width, y: height + 14, "text-anchor": "end" }, high.toFixed(2)));
  return picture;
}

function draw() {
  const shown = data.clips.filter(isShown);
  document.getElementById("clips").replaceChildren(...shown.slice(0, limit).map(card));
  document.getElementById("count").textContent = `${shown.length} of ${data.clips.length} clips`;
  document.getElementById("more").hidden = shown.length <= limit;
  document.getElementById("classes").replaceChildren(classTable(shown));
  document.getElementById("histograms").replaceChildren(
    histogram("length, s", shown.map((clip) => clip.seconds).filter((value) => value !== null)),
    histogram("rate, fps", shown.map((clip) => clip.rate).filter((value) => value)));
}

for (const finding of data.files) {
  const line = findingLine(finding);
  line.append(element("span", " " + finding.file, "where"));
  document.getElementById("files").append(line);
}
document.getElementById("filters").append(
  select("class", "class", counted(data.clips.map((clip) => [clip.label]))),
  select("person", "person", counted(data.clips.map((clip) => [personOf(clip)]))),
  select("split", "split", counted(data.clips.map((clip) => [clip.split]))),
  select("finding", "finding", counted(data.clips.map(kinds))));
document.getElementById("more").addEventListener("click", () => { limit += PAGE; draw(); });
draw();
