// What a project's model knows, what it says to the camera, and the job that runs.

import { fillSelect } from "./columns.js";

const MOST_BARS = 8;
const MOST_EVENTS = 12;
const by = (id) => document.getElementById(id);

/** Show what was learned, and offer what can be done with it. */
export function showLearned(project) {
  const learned = project.learned;
  by("try").disabled = !learned;
  by("export").disabled = by("train").disabled = !learned || project.job?.state === "running";
  by("summary").textContent = summary(project, learned);
  by("advice").textContent = learned?.advice ?? "";
  by("advice").hidden = !learned?.advice;
  by("table-part").hidden = !learned;
  if (learned) showTable(learned);
  fillSelect(by("truth"), [project.no_gesture, ...project.gestures.filter((name) => name !== project.no_gesture)],
    by("truth").value || project.no_gesture);
}

function summary(project, learned) {
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
  const key = JSON.stringify([learned.gestures, learned.confusion]);
  if (table.dataset.key === key) return;
  table.dataset.key = key;
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

/** Show a job, how far it is and what it says. */
export function showJob(job) {
  by("job").hidden = !job;
  by("stop-job").hidden = job?.state !== "running";
  if (!job) return;
  by("job-name").textContent = job.name;
  const where = job.state === "done" ? `, in ${job.folder}` : "";
  by("job-state").textContent = `${job.state}${where}`;
  by("job-lines").textContent = job.lines.join("\n");
}

/** Show probabilities as bars, the largest first. */
export function showShares(shares) {
  const names = Object.keys(shares).sort((a, b) => shares[b] - shares[a]).slice(0, MOST_BARS);
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

/** Put an event on top of the list, and over the picture for a moment. */
export function showEvent(event) {
  const item = document.createElement("li");
  item.textContent = event.label;
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { minute: "2-digit", second: "2-digit" });
  item.append(time);
  by("events").prepend(item);
  while (by("events").children.length > MOST_EVENTS) by("events").lastChild.remove();
  const said = by("said");
  said.textContent = event.label;
  said.classList.add("new");
  setTimeout(() => said.classList.remove("new"), 900);
}
