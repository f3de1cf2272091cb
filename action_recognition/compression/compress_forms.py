"""The accuracy gate over the other forms of a folder.

These are networks that keep a state, and the ONNX of networks for photos, for a browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from action_recognition.compression.accuracy_gate import (
    Drop,
    GateRules,
    Scores,
    accuracy_drop,
    notes,
)
from action_recognition.compression.clip_store import GateClips, Indices
from action_recognition.compression.compression_report import (
    Compression,
    gate_facts,
    holds,
    write_tables,
)
from action_recognition.compression.explicit_states import explicit_network
from action_recognition.compression.gated_quantisation import Floats, Int8Gate, drops_by_part
from action_recognition.compression.network_kinds import NetworkForm
from action_recognition.compression.onnx_qdq import onnx_layers, quantise_onnx, score_onnx
from action_recognition.compression.stateful_quantisation import (
    StatefulForm,
    int8_name,
    save_stateful,
)
from action_recognition.console import counted, say
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.model_files import ONNX_FILE, ONNX_INT8_FILE
from action_recognition.deploy.metadata import DeployMetadata

if TYPE_CHECKING:
    import onnx

_STREAM_FILES = "model_stream*.onnx"
_ONNX_METHOD = "ONNX Runtime static quantisation (QDQ), weights per channel"


@dataclass(frozen=True)
class GateRun:
    """The clips and rules of the gate for all forms of a folder."""

    clips: GateClips
    metadata: DeployMetadata
    rules: GateRules

    def run(
        self, form: NetworkForm, original: Any, floats: Floats | None = None
    ) -> tuple[Compression, Any]:
        """Run `Int8Gate` on one form."""
        return Int8Gate(form, original, self.clips, self.rules, floats).run()


def compress_stateful(gate: GateRun, folder: Path, staging: Path) -> dict[str, Compression]:
    """Write an INT8 form and its table for every network that keeps a state into `staging`.

    Returns the results by file name. The networks are made from the ONNX files with explicit
    states. A folder without such files gives no result.
    """
    found = {}
    # One file for each number of frames a call.
    for path in sorted(folder.glob(_STREAM_FILES)):
        original, metadata = explicit_network(path)
        assert metadata.stream is not None
        name = int8_name(metadata.stream.frames_per_call)
        say(f"{name}:")
        found[name], network = gate.run(StatefulForm(metadata), original)

        # Loading checks that the written file can be used.
        save_stateful(network, metadata, staging / name)
        load_backend(staging / name)
        write_tables(staging, found[name], f"_stream{metadata.stream.frames_per_call}")
    return found


def compress_onnx(
    gate: GateRun, folder: Path, staging: Path, of_ir: Compression
) -> dict[str, Compression]:
    """Write model_int8.onnx of a network for photos and its table into `staging`, for browsers.

    The layers that the gate gave back in the IR stay in floating point. If the drop is still above
    the limit, the file is not written and a note says so.
    """
    path = folder / ONNX_FILE
    if gate.metadata.clip_len > 1 or not path.is_file() or quantised_layers_of(path):
        return {}
    say(f"{ONNX_INT8_FILE}:")
    in_float = [layer.name for layer in of_ir.given_back]
    network, compression = _OnnxGate(gate, path, in_float).run()
    write_tables(staging, compression, "_onnx")

    if holds(compression, gate.rules.limit_for(len(gate.clips.stored.labels))):
        import onnx

        onnx.save(network, str(staging / ONNX_INT8_FILE))
    return {ONNX_INT8_FILE: compression}


def quantised_layers_of(path: Path) -> bool:
    """Return True if an ONNX file computes on bytes already."""
    import onnx

    return bool(onnx_layers(onnx.load(path))[0])


class _OnnxGate:
    """The gate's one trial over ONNX Runtime's quantisation."""

    def __init__(self, gate: GateRun, path: Path, in_float: Sequence[str]) -> None:
        self._clips, self._rules, self._metadata = gate.clips, gate.rules, gate.metadata
        self._path, self._in_float = path, in_float

    def run(self) -> tuple[onnx.ModelProto, Compression]:
        """Return the network that is quantised on clips of all folds, and the result."""
        import onnx

        truth = self._clips.stored.labels
        everything: Indices = np.arange(len(truth))
        before = self._scores(onnx.load(self._path), everything)
        # Written is the network that is quantised on clips of all folds.
        network = self._quantised(None)

        # The drop is measured on clips that the quantisation did not see.
        drop = accuracy_drop(truth, before, self._scores_of_folds(network))
        layers = counted(len(self._in_float), "layer")
        say(f"{layers} given back to floating point, measured on clips not quantised on: {drop}")
        drops = drops_by_part(self._clips, before, self._scores(network, everything))
        return network, self._compression(network, drop, drops)

    def _scores_of_folds(self, of_all: onnx.ModelProto) -> Scores:
        """Return the scores (N, C) of all clips, each scored by the network of its fold."""
        clips = self._clips
        found = np.zeros((len(clips.fold), len(self._metadata.labels)))
        for fold in range(clips.num_folds):
            indices = np.flatnonzero(clips.fold == fold)
            # A single fold has no clips outside it to quantise on.
            network = self._quantised(fold) if clips.num_folds > 1 else of_all
            found[indices] = self._scores(network, indices)
        return found

    def _compression(
        self, network: onnx.ModelProto, drop: Drop, drops: dict[str, Drop]
    ) -> Compression:
        quantised, floating = onnx_layers(network)
        limit, count = self._rules.limit_for(drop.num_clips), len(self._in_float)
        sentences = [
            f"{ONNX_INT8_FILE}: {note}" for note in notes(drop, limit, count, len(quantised))
        ]
        # This form has one trial: there is no ranking of its layers.
        if drop.points > limit:
            reason = f"the drop of {drop.points:+.2f} points is above {limit:.3g}"
            sentences.append(f"{ONNX_INT8_FILE} is not written: {reason}")

        return Compression(
            quantised=quantised,
            given_back=[layer for layer in floating if layer.name in self._in_float],
            floating=[layer for layer in floating if layer.name not in self._in_float],
            trials=[(count, drop)],
            drops=drops,
            facts=gate_facts(_ONNX_METHOD, self._clips, self._rules, sentences),
        )

    def _quantised(self, without_fold: int | None) -> onnx.ModelProto:
        rules = self._rules
        indices = self._clips.to_quantise_on(rules.calibration_clips, rules.seed, without_fold)
        clips = self._clips.stored.chosen(indices)
        return quantise_onnx(self._path, clips, self._metadata, self._in_float)

    def _scores(self, model: onnx.ModelProto, indices: Indices) -> Scores:
        clips = self._clips.stored.pixels
        return score_onnx(model, (clips[index] for index in indices), self._metadata)
