"use strict";
// Pictures as numbers. The steps are those of the toolkit in Python, equal to the last bit: a canvas would smooth in its own way.
// A picture is {width, height, data}: RGB or RGBA bytes row by row, `channels` of them for each pixel.

const MAX_PIXELS = 100e6;
const MAX_BYTES = 100e6;

export class PhotoError extends Error {}

/** Read width and height from the header of a PNG, GIF, BMP, WebP or JPEG before it is decoded, or return null. */
export function statedSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes.length < 30) return null;
  if (text(1, 4) === "PNG") return [view.getUint32(16), view.getUint32(20)];
  if (text(0, 3) === "GIF") return [view.getUint16(6, true), view.getUint16(8, true)];
  if (text(0, 2) === "BM") return [Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true))];
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return webpSize(view, text(12, 16));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegSize(view);
  return null;
}

function webpSize(view, kind) {
  if (kind === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
  }
  const three = (at) => view.getUint16(at, true) + (view.getUint8(at + 2) << 16) + 1;
  return kind === "VP8X" ? [three(24), three(27)] : null;
}

function jpegSize(view) {
  let at = 2;
  while (at + 9 < view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) { at += 1; continue; }
    const startOfFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (startOfFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** Decode a file to an upright picture without colour conversion. Throws a PhotoError that names the fault of the file. */
export async function decode(blob) {
  if (blob.size > MAX_BYTES) throw new PhotoError(`has ${Math.round(blob.size / 1e6)} MB: more than ${MAX_BYTES / 1e6} MB`);
  const size = statedSize(new Uint8Array(await blob.slice(0, 1 << 20).arrayBuffer()));
  if (!size) throw new PhotoError("is not a JPEG, PNG, WebP, BMP or GIF file");
  if (size[0] * size[1] > MAX_PIXELS) throw new PhotoError(`is ${size[0]}x${size[1]}: more than 100 million pixels`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new PhotoError("is damaged or cut short");
  }
  try {
    return fromDrawable(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

/** Return the pixels of a bitmap, video or canvas at its own size, over white. */
export function fromDrawable(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  return { width, height, channels: 4, data: context.getImageData(0, 0, width, height).data };
}

/** Cut a square {left, top, side} in pixels out of the picture, or return the picture without one. */
export function cut(picture, square) {
  if (!square) return picture;
  const { left, top, side } = square;
  const row = picture.channels * side;
  const data = new Uint8ClampedArray(row * side);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * picture.width + left) * picture.channels;
    data.set(picture.data.subarray(from, from + row), y * row);
  }
  return { width: side, height: side, channels: picture.channels, data };
}

/**
 * Return the picture as the network gets it: RGB of crop_size squared. With short_side that side is scaled and the centre is cut out,
 * with edges repeated if the picture is too small. With null the whole picture is fitted into the square, and the rest gets the mean
 * colour. Source: data/transforms.py.
 */
export function prepare(picture, resize, meanColour) {
  return resize.short_side === null ? fitted(picture, resize.crop_size, meanColour) : centreCrop(picture, resize);
}

function scaledSize({ width, height }, factor) {
  return [width, height].map((length) => Math.max(1, Math.floor(length * factor + 0.5)));
}

function centreCrop(picture, { short_side: shortSide, crop_size: side }) {
  const [width, height] = scaledSize(picture, shortSide / Math.min(picture.width, picture.height));
  const resized = resizeBilinear(picture, width, height);
  const top = Math.floor((height - side) / 2), left = Math.floor((width - side) / 2);
  const inside = (value, end) => Math.min(Math.max(value, 0), end - 1);
  const data = new Uint8ClampedArray(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = (inside(top + y, height) * width + inside(left + x, width)) * 3;
      for (let c = 0; c < 3; c++) data[(y * side + x) * 3 + c] = resized.data[from + c];
    }
  }
  return { width: side, height: side, channels: 3, data };
}

function fitted(picture, side, meanColour) {
  const factor = side / Math.max(picture.width, picture.height);
  const [width, height] = scaledSize(picture, factor);
  const resized = (factor < 1 ? resizeArea : resizeBilinear)(picture, width, height);
  const top = Math.floor((side - height) / 2), left = Math.floor((side - width) / 2);
  const data = new Uint8ClampedArray(side * side * 3);
  for (let i = 0; i < data.length; i++) data[i] = meanColour[i % 3];
  for (let y = 0; y < height; y++) {
    data.set(resized.data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * side + left) * 3);
  }
  return { width: side, height: side, channels: 3, data };
}

export function mirrored(picture) {
  const { width, height, channels } = picture;
  const data = new Uint8ClampedArray(picture.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels, to = (y * width + width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) data[to + c] = picture.data[from + c];
    }
  }
  return { width, height, channels, data };
}

function halfToEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

// Source: OpenCV, modules/imgproc/src/resize.cpp: INTER_LINEAR of bytes computes in whole numbers, weights of 11 bits from 32-bit floats.
function weights(from, to, clampWeights) {
  const first = new Int32Array(to), second = new Int32Array(to), low = new Int32Array(to), high = new Int32Array(to);
  for (let i = 0; i < to; i++) {
    const place = Math.fround((i + 0.5) * (from / to) - 0.5);
    let start = Math.floor(place), part = Math.fround(place - start);
    if (clampWeights && (start < 0 || start >= from - 1)) {
      start = start < 0 ? 0 : from - 1;
      part = 0;
    }
    first[i] = Math.min(Math.max(start, 0), from - 1);
    second[i] = Math.min(Math.max(start + 1, 0), from - 1);
    low[i] = halfToEven(Math.fround(1 - part) * 2048);
    high[i] = halfToEven(part * 2048);
  }
  return { first, second, low, high };
}

/** cv2.resize(..., interpolation=cv2.INTER_LINEAR) of bytes; gives RGB. */
export function resizeBilinear(picture, width, height) {
  const data = new Uint8ClampedArray(width * height * 3);
  const { channels } = picture;
  const columns = weights(picture.width, width, true), rows = weights(picture.height, height, false);
  const line = (row, into) => {
    const start = row * picture.width * channels;
    for (let x = 0; x < width; x++) {
      const a = start + columns.first[x] * channels, b = start + columns.second[x] * channels;
      for (let c = 0; c < 3; c++) into[x * 3 + c] = picture.data[a + c] * columns.low[x] + picture.data[b + c] * columns.high[x];
    }
  };
  const upper = new Int32Array(width * 3), lower = new Int32Array(width * 3);
  for (let y = 0; y < height; y++) {
    line(rows.first[y], upper);
    line(rows.second[y], lower);
    for (let i = 0; i < width * 3; i++) {
      data[y * width * 3 + i] = (((rows.low[y] * (upper[i] >> 4)) >> 16) + ((rows.high[y] * (lower[i] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return { width, height, channels: 3, data };
}

// Source: OpenCV, modules/imgproc/src/resize.cpp, computeResizeAreaTab: how much of each source pixel lies in a target pixel.
function shares(from, to) {
  const scale = from / to, places = [];
  for (let i = 0; i < to; i++) {
    const start = i * scale, end = start + scale, cell = Math.min(scale, from - start);
    const last = Math.min(Math.floor(end), from - 1), first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) places.push([i, first - 1, Math.fround((first - start) / cell)]);
    for (let k = first; k < last; k++) places.push([i, k, Math.fround(1 / cell)]);
    if (end - last > 1e-3) places.push([i, last, Math.fround(Math.min(end - last, 1, cell) / cell)]);
  }
  return places;
}

/** cv2.resize(..., interpolation=cv2.INTER_AREA) of bytes to a smaller size; gives RGB. A 32-bit sum may round otherwise by 1. */
export function resizeArea(picture, width, height) {
  // Twice as large: a whole-number mean that rounds halves up, unlike all other sizes.
  if (picture.width === 2 * width && picture.height === 2 * height) return resizeBilinear(picture, width, height);
  const { channels } = picture;
  const columns = shares(picture.width, width), sums = new Float64Array(width * height * 3), line = new Float64Array(width * 3);
  let read = -1;
  for (const [row, from, part] of shares(picture.height, height)) {
    if (from !== read) {
      line.fill(0);
      const start = from * picture.width * channels;
      for (const [column, source, share] of columns) {
        const pixel = start + source * channels;
        for (let c = 0; c < 3; c++) line[column * 3 + c] += picture.data[pixel + c] * share;
      }
      read = from;
    }
    for (let i = 0; i < line.length; i++) sums[row * width * 3 + i] += line[i] * part;
  }
  return { width, height, channels: 3, data: Uint8ClampedArray.from(sums) }; // rounds halves to even, as OpenCV does
}
