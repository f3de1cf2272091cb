"use strict";
// The metadata of a model and the meaning of its scores, with the same keys and rules as in the toolkit.

const FORMAT_VERSION = 1;
const METADATA_PROPS = 14; // ModelProto.metadata_props of onnx.proto: StringStringEntryProto {key = 1, value = 2}

/** Return the metadata of an ONNX file as strings by key. */
export function onnxStrings(bytes) {
  const strings = {};
  for (const entry of fields(bytes, METADATA_PROPS)) {
    const text = (number) => new TextDecoder().decode(fields(entry, number)[0] || new Uint8Array());
    strings[text(1)] = text(2);
  }
  return strings;
}

// Source: the wire format of protocol buffers: a key of (field << 3 | type), then a varint, 8 bytes, a length with bytes, or 4 bytes.
function fields(bytes, wanted) {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte & 128);
    return value;
  };
  while (at < bytes.length) {
    const key = varint(), type = key % 8;
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      if (Math.floor(key / 8) === wanted) found.push(bytes.subarray(at, at + length));
      at += length;
    } else throw new Error("the model file is damaged");
  }
  return found;
}

/** Convert the strings to values. Throws an Error for values that the page cannot use. */
export function readMetadata(strings) {
  if (!strings.format_version) throw new Error("the model carries no metadata: export it again with export.py");
  if (Number(strings.format_version) > FORMAT_VERSION) throw new Error("the model comes from a newer toolkit than this page: export the page again");
  const numbers = (text) => text.split(" ").map(Number);
  const metadata = {
    labels: JSON.parse(strings.labels_json),
    clipLen: Number(strings.clip_len),
    resize: JSON.parse(strings.resize || "null"), // a model over landmarks has no pixels
    mean: numbers(strings.mean_values || ""),
    scale: numbers(strings.scale_values || ""),
    colorOrder: strings.color_order,
    normalization: strings.normalization,
    factor: (strings.output_kind === "cosine" ? Number(strings.score_scale) : 1) / Number(strings.temperature),
    thresholds: JSON.parse(strings.thresholds),
    spreadThreshold: Number(strings.spread_threshold || 0),
    negativeLabel: strings.negative_label,
    crop: strings.crop || "",
    template: strings.template,
  };
  const rgb = metadata.colorOrder === "BGR" ? [...metadata.mean].reverse() : metadata.mean;
  metadata.meanColour = rgb.map((value) => Math.min(255, Math.max(0, Math.floor(value + 0.5))));
  return metadata;
}

/** Return the input of the network (1, 3, [1,] side, side): planes of 32-bit floats in its colour order. */
export function networkInput(picture, metadata) {
  const size = picture.width * picture.height;
  const values = new Float32Array(size * 3);
  for (let plane = 0; plane < 3; plane++) {
    const channel = metadata.colorOrder === "BGR" ? 2 - plane : plane;
    const outside = metadata.normalization === "external";
    const mean = outside ? metadata.mean[plane] : 0, scale = outside ? metadata.scale[plane] : 1;
    for (let i = 0; i < size; i++) values[plane * size + i] = (picture.data[i * 3 + channel] - mean) / scale;
  }
  return values;
}

/** Return {label, reason, ranked: [{label, probability}]}. The label is null if the scores are rejected. */
export function decide(scores, metadata) {
  const logits = Array.from(scores, (score) => score * metadata.factor);
  const highest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - highest));
  const sum = shares.reduce((total, share) => total + share, 0);
  const ranked = metadata.labels.map((label, i) => ({ label, probability: shares[i] / sum }));
  ranked.sort((one, other) => other.probability - one.probability);
  const reason = reasonToReject(ranked[0], Array.from(scores), metadata);
  return { label: reason ? null : ranked[0].label, reason, ranked };
}

function reasonToReject(best, scores, metadata) {
  if (best.label === metadata.negativeLabel) return `“${best.label}” is the class that means no gesture`;
  const threshold = metadata.thresholds[best.label] || 0;
  if (best.probability < threshold) return `“${best.label}” has probability ${best.probability.toFixed(3)}, below its threshold ${threshold}`;
  const mean = scores.reduce((total, score) => total + score, 0) / scores.length;
  const spread = Math.sqrt(scores.reduce((total, score) => total + (score - mean) ** 2, 0) / scores.length);
  return spread < metadata.spreadThreshold ? "the scores are too much alike for a gesture of the model" : "";
}
