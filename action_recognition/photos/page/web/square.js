"use strict";
// The green square: three sliders for the keyboard and for screen readers, and dragging it on the picture.

const at = (id) => document.getElementById(id);

/** `changed` is called after the user has moved the square. `place` draws it over a picture. */
export const onSquare = { changed: () => {}, place };

/** Return {left, top, side} in pixels of a picture {width, height}, always inside it. */
export function squareOf({ width, height }) {
  const side = Math.max(1, Math.round((Math.min(width, height) * at("square-size").value) / 100));
  const left = Math.round(((width - side) * at("square-x").value) / 100);
  const top = Math.round(((height - side) * at("square-y").value) / 100);
  return { left, top, side };
}

function place(picture) {
  const frame = at("frame");
  frame.hidden = !at("square-on").checked;
  if (frame.hidden) return;
  const { left, top, side } = squareOf(picture);
  const shownLeft = at("mirror").checked ? picture.width - left - side : left;
  frame.style.left = `${(shownLeft / picture.width) * 100}%`;
  frame.style.top = `${(top / picture.height) * 100}%`;
  frame.style.width = `${(side / picture.width) * 100}%`;
  frame.style.height = `${(side / picture.height) * 100}%`;
}

function drag(event) {
  if (!event.buttons) return;
  const stage = at("view").getBoundingClientRect(), frame = at("frame").getBoundingClientRect();
  move(at("square-x"), event.movementX * (at("mirror").checked ? -1 : 1), stage.width - frame.width);
  move(at("square-y"), event.movementY, stage.height - frame.height);
  onSquare.changed();
}

function move(slider, pixels, room) {
  if (room > 0) slider.value = Number(slider.value) + (pixels / room) * 100;
}

for (const id of ["square-size", "square-x", "square-y"]) {
  at(id).step = "any";
  at(id).addEventListener("input", () => onSquare.changed());
}
at("frame").addEventListener("pointerdown", (event) => at("frame").setPointerCapture(event.pointerId));
at("frame").addEventListener("pointermove", drag);
