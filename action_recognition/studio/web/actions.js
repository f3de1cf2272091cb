// What gestures do: a row for each of them, with the kind of its action and what that needs.

const NAMES = { "": "does nothing", key: "presses the key", url: "calls the address", mqtt: "publishes by MQTT", command: "starts the command" };
const HINTS = { key: "space", url: "http://192.168.1.20/on", mqtt: "192.168.1.5 home/lamp on", command: "name" };
const NOTHING = { kind: "", value: "" };
const by = (id) => document.getElementById(id);
let nextLine = 0; // the number of the first line that was not shown yet

/**
 * Show the actions of a project.
 *
 * `attempt` asks the server for a change, and gives {done} or {trouble}.
 */
export function showActions(project, attempt) {
  const { on, kinds, commands, by_gesture: actions } = project.actions;
  by("actions-on").checked = on;
  by("actions-on").onchange = () => attempt("switch-actions", { on: by("actions-on").checked ? "yes" : "no" });
  if (by("command-names").children.length !== commands.length) {
    by("command-names").replaceChildren(...commands.map((name) => new Option(name, name)));
  }
  showLines(project.actions);

  const list = by("actions");
  const old = new Map([...list.children].map((row) => [row.dataset.name, row]));
  const names = project.gestures.filter((name) => name !== project.no_gesture);
  names.forEach((name, place) => {
    const row = old.get(name) ?? newRow(name, kinds, attempt);
    old.delete(name);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
    row.kept = actions[name] ?? NOTHING;
    fillRow(row);
  });
  for (const row of old.values()) row.remove();
}

/** Add the lines that are new: a screen reader would read all of them again. */
function showLines({ lines, first_line: first }) {
  const log = by("action-lines");
  // A studio that was started again counts from nothing.
  if (first + lines.length < nextLine) {
    nextLine = 0;
    log.replaceChildren();
  }
  for (const line of lines.slice(Math.max(0, nextLine - first))) {
    const item = document.createElement("div");
    item.textContent = line;
    log.append(item);
  }
  nextLine = first + lines.length;
  while (log.children.length > lines.length) log.firstElementChild.remove();
  log.tabIndex = lines.length ? 0 : -1;
}

/** Make a row. It keeps what was typed as `row.draft` until the server has taken it. */
function newRow(name, kinds, attempt) {
  const row = by("action").content.firstElementChild.cloneNode(true);
  const [kind, value] = [row.querySelector(".kind"), row.querySelector(".value")];
  row.dataset.name = name;
  row.querySelector(".gesture").textContent = name;
  kind.replaceChildren(...["", ...kinds].map((one) => new Option(NAMES[one], one)));
  kind.setAttribute("aria-label", `what ${name} does`);
  const typed = () => ({ kind: kind.value, value: value.value, trouble: "" });

  const send = async () => {
    const draft = row.draft = typed();
    const { done, trouble } = await attempt("set-action", { gesture: name, kind: draft.kind, value: draft.value });
    // Somebody types on.
    if (row.draft !== draft) return;
    if (trouble) {
      draft.trouble = trouble;
    } else {
      row.draft = null;
      row.kept = done ?? NOTHING;
    }
    fillRow(row);
  };
  kind.onchange = () => {
    value.value = "";
    row.draft = typed();
    fillRow(row);
    // The rest is asked for first.
    if (kind.value) value.focus();
    else send();
  };
  value.oninput = () => { row.draft = typed(); };
  value.onchange = () => { if (value.value.trim()) send(); };
  row.onkeydown = (event) => { if (event.key === "Escape") forget(row); };
  // A kind alone is no action: what the gesture does is shown again.
  row.addEventListener("focusout", (event) => {
    if (row.draft?.kind && !row.draft.value.trim() && !row.contains(event.relatedTarget)) forget(row);
  });
  return row;
}

function forget(row) {
  row.draft = null;
  fillRow(row);
}

/** Show what a gesture does. What was typed and is not taken yet stays, with the reason. */
function fillRow(row) {
  const [kind, value, trouble] = [".kind", ".value", ".trouble"].map((name) => row.querySelector(name));
  if (!row.draft) {
    if (kind.value !== row.kept.kind) kind.value = row.kept.kind;
    if (value.value !== row.kept.value) value.value = row.kept.value;
  }
  value.hidden = !kind.value;
  value.placeholder = HINTS[kind.value] ?? "";
  value.setAttribute("aria-label", `${NAMES[kind.value]}, for ${row.dataset.name}`);
  if (kind.value === "command") value.setAttribute("list", "command-names");
  else value.removeAttribute("list");

  const text = row.draft?.trouble ?? "";
  value.setAttribute("aria-invalid", String(Boolean(text)));
  trouble.hidden = !text;
  if (trouble.textContent !== text) trouble.textContent = text;
}
