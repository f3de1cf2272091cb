"""The accuracy gate over the forms of a folder: the IR of clips, networks that keep a state, and the ONNX of photos for a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from action_recognition.compression.accuracy_gate import Drop, accuracy_drop
from action_recognition.compression.compression_report import Compression, holds, write_tables
from action_recognition.compression.gated_quantisation import (
    Floats,
    GateClips,
    GateRules,
    Int8Gate,
    gate_facts,
    notes,
)
from action_recognition.compression.network_kinds import NetworkForm
from action_recognition.compression.onnx_qdq import onnx_layers, quantise_onnx, score_onnx
from action_recognition.compression.stateful_quantisation import (
    StatefulForm,
    explicit_network,
    int8_name,
    save_stateful,
)
from action_recognition.deploy.backends import Pixels, load_backend
from action_recognition.deploy.backends.model_files import ONNX_FILE, ONNX_INT8_FILE
from action_recognition.deploy.metadata import DeployMetadata

if TYPE_CHECKING:
    import onnx

_STREAM_FILES = "model_stream*.onnx"
_ONNX_METHOD = "ONNX Runtime static quantisation (QDQ), weights per channel"


@dataclass(frozen=True)
class GateRun:
    """The clips and rules that all forms of a folder are held to."""

    clips: GateClips
    metadata: DeployMetadata
    rules: GateRules

    def run(
        self, form: NetworkForm, original: Any, floats: Floats | None = None
    ) -> tuple[Compression, Any]:
        """As `Int8Gate.run`."""
        return Int8Gate(form, original, self.clips, self.rules, floats).run()


def compress_stateful(gate: GateRun, folder: Path, staging: Path) -> dict[str, Compression]:
    """An INT8 form of every network of the folder that keeps a state, with its table, into `staging`; by file name.

    They are made from the ONNX files with explicit states; of a folder without them there is nothing to do.
    """
    found = {}
    for path in sorted(folder.glob(_STREAM_FILES)):
        original, metadata = explicit_network(path)
        assert metadata.stream is not None
        name = int8_name(metadata.stream.frames_per_call)
        print(f"{name}:", flush=True)
        found[name], network = gate.run(StatefulForm(metadata), original)
        save_stateful(network, metadata, staging / name)
        load_backend(staging / name)
        write_tables(staging, found[name], f"_stream{metadata.stream.frames_per_call}")
    return found


def compress_onnx(
    gate: GateRun, folder: Path, staging: Path, of_ir: Compression
) -> dict[str, Compression]:
    """model_int8.onnx of a network for photos, with its table, into `staging`: what a browser runs.

    Floating stays what the gate gave back in the IR. Where the drop is above the limit all the same the file is not written, and a note
    says so.
    """
    path = folder / ONNX_FILE
    if gate.metadata.clip_len > 1 or not path.is_file() or quantised_layers_of(path):
        return {}
    print(f"{ONNX_INT8_FILE}:", flush=True)
    in_float = [layer.name for layer in of_ir.given_back]
    network, compression = _OnnxGate(gate, path, in_float).run()
    write_tables(staging, compression, "_onnx")
    if holds(compression, gate.rules.max_drop):
        import onnx

        onnx.save(network, str(staging / ONNX_INT8_FILE))
    return {ONNX_INT8_FILE: compression}


def quantised_layers_of(path: Path) -> bool:
    """Whether an ONNX file computes on bytes already."""
    import onnx

    return bool(onnx_layers(onnx.load(path))[0])


class _OnnxGate:
    """The gate's one trial over ONNX Runtime's quantisation."""

    def __init__(self, gate: GateRun, path: Path, in_float: Sequence[str]) -> None:
        self._clips, self._rules, self._metadata = gate.clips, gate.rules, gate.metadata
        self._path, self._in_float = path, in_float

    def run(self) -> tuple[onnx.ModelProto, Compression]:
        import onnx

        clips, truth = self._clips, self._clips.stored.labels
        before, after = (
            self._scores(onnx.load(self._path), np.arange(len(truth))),
            np.zeros((len(truth), len(self._metadata.labels))),
        )
        network = self._quantised(None)
        for fold in range(clips.num_folds):
            indices = np.flatnonzero(clips.fold == fold)
            after[indices] = self._scores(
                self._quantised(fold) if clips.num_folds > 1 else network, indices
            )
        drop = accuracy_drop(truth, before, after)
        print(f"{len(self._in_float)} layers given back, cross-validated: {drop}", flush=True)
        written = self._scores(network, np.arange(len(truth)))
        parts = {"train": ~clips.is_val, "validation": clips.is_val}
        drops = {
            name: accuracy_drop(truth[part], before[part], written[part])
            for name, part in parts.items()
            if part.any()
        }
        return network, self._compression(network, drop, drops)

    def _compression(
        self, network: onnx.ModelProto, drop: Drop, drops: dict[str, Drop]
    ) -> Compression:
        quantised, floating = onnx_layers(network)
        sentences = [
            f"{ONNX_INT8_FILE}: {note}"
            for note in notes(drop, self._rules.max_drop, len(self._in_float), len(quantised))
        ]
        if drop.points > self._rules.max_drop:
            sentences.append(
                f"{ONNX_INT8_FILE} is not written: the drop of {drop.points:+.2f} points is above {self._rules.max_drop:g}"
            )
        return Compression(
            quantised=quantised,
            given_back=[layer for layer in floating if layer.name in self._in_float],
            floating=[layer for layer in floating if layer.name not in self._in_float],
            trials=[(len(self._in_float), drop)],
            drops=drops,
            facts=gate_facts(_ONNX_METHOD, self._clips, self._rules, sentences),
        )

    def _quantised(self, without_fold: int | None) -> onnx.ModelProto:
        indices = self._clips.to_quantise_on(
            self._rules.calibration_clips, self._rules.seed, without_fold
        )
        return quantise_onnx(
            self._path, self._clips.stored.chosen(indices), self._metadata, self._in_float
        )

    def _scores(self, model: onnx.ModelProto, indices: Any) -> Any:
        clips: Pixels = self._clips.stored.pixels
        return score_onnx(model, (clips[index] for index in indices), self._metadata)
