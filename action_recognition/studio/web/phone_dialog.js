// The dialog by which a phone becomes the camera. It is there where the studio was started with --lan.

const by = (id) => document.getElementById(id);
let phone = null; // {paired, waiting}, as the server says
let hasCode = false; // a code that another page asked for is not known here
let trouble = "";
let wasPaired = false;
let hasGone = false; // a phone, since which no code was asked for

/** Make the dialog work. `attempt` asks the server for a change, and gives {done} or {trouble}. */
export function onPhone(attempt) {
  by("use-phone").onclick = () => {
    by("phone").showModal();
    if (!phone.paired) newCode(attempt);
  };
  by("phone-new").onclick = () => newCode(attempt);
  by("phone-close").onclick = () => by("phone").close();
  by("phone-disconnect").onclick = async () => {
    const answer = await attempt("phone-disconnect");
    show(answer, { paired: false, waiting: false });
  };
}

/** Show how it is about the phone: null where the LAN is off. Returns what is new, to be said. */
export function showPhone(found) {
  phone = found;
  by("use-phone").hidden = !phone;
  if (!phone) {
    by("phone").close();
    return "";
  }
  by("use-phone").textContent = phone.paired ? "Phone connected" : "Use a phone";
  const isNew = phone.paired !== wasPaired;
  if (isNew) {
    trouble = "";
    hasGone = wasPaired;
  }
  fill();
  wasPaired = phone.paired;
  if (!isNew) return "";
  return phone.paired ? "A phone is connected." : "The phone is disconnected.";
}

/** Return true while the project has to be asked for, since the phone says nothing to this page. */
export function hasPhone() {
  return by("phone").open || Boolean(phone?.paired);
}

async function newCode(attempt) {
  const answer = await attempt("phone-code");
  if (answer.done) {
    by("phone-picture").src = answer.done.picture;
    by("phone-address").textContent = answer.done.address;
    by("phone-fingerprint").textContent = answer.done.fingerprint;
    by("phone-minutes").textContent = Math.round(answer.done.seconds / 60);
    hasCode = true;
  }
  show(answer, { paired: false, waiting: true });
}

/** Show an answer at once: what the project says comes later. */
function show(answer, now) {
  trouble = answer.trouble ?? "";
  if (!trouble) {
    phone = now;
    hasGone = !now.waiting;
  }
  fill();
}

function fill() {
  const had = document.activeElement;
  const isShown = phone.waiting && hasCode;
  by("phone-code").hidden = !isShown || phone.paired;
  by("phone-new").hidden = isShown || phone.paired;
  by("phone-disconnect").hidden = !phone.paired;
  const text = trouble || state();
  if (by("phone-state").textContent !== text) by("phone-state").textContent = text;
  // The focus of a button that has gone.
  const isGone = had && by("phone").contains(had) && had.offsetParent === null;
  if (isGone) by(by("phone-new").hidden ? "phone-close" : "phone-new").focus();
}

function state() {
  if (phone.paired) return "A phone is connected. Start its camera, choose a gesture, and record there.";
  if (phone.waiting) return "Waiting for the phone…";
  if (hasGone) return "The phone is disconnected.";
  return "There is no code, or it has ended: after a visit, its time, or wrong codes.";
}
