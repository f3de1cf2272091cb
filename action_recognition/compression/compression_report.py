"""The table of a compression, as JSON and for people.

It lists the layers that compute in INT8, those that were given back, and the error of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from action_recognition.compression.accuracy_gate import Drop, GateRules
from action_recognition.compression.clip_store import GateClips
from action_recognition.compression.quantised_layers import Layer
from action_recognition.files import write_json, write_text

JSON_FILE: Final = "compression.json"
MARKDOWN_FILE: Final = "compression.md"

# Columns of a row of `_drop_row` after its name.
_DROP_COLUMNS: Final = "clips | FP32 | INT8 | drop, points (95 %) | same answer |"


@dataclass(frozen=True)
class Compression:
    """The result of compress.py for one network.

    `trials` are the numbers of layers given back and the drop of the folds then, each fold
    quantised without its own clips. `drops` are those of the written network by name of the clips,
    which took part in making it. `error` is the mean square error of the scores that giving a layer
    back alone takes away.
    """

    quantised: Sequence[Layer]
    given_back: Sequence[Layer]
    floating: Sequence[Layer]
    trials: Sequence[tuple[int, Drop]]
    drops: Mapping[str, Drop]
    error: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """Return the result in plain values, as compression.json has it."""
        return {
            **self.facts,
            "cross_validated": [
                {"layers_given_back": count, **drop.as_plain()} for count, drop in self.trials
            ],
            "written_network": {name: drop.as_plain() for name, drop in self.drops.items()},
            "layers": [
                *self._rows("int8", self.quantised),
                *self._rows("given back", self.given_back),
                *self._rows("float", self.floating),
            ],
        }

    def _rows(self, state: str, layers: Sequence[Layer]) -> list[dict[str, Any]]:
        return [
            {
                "name": layer.name,
                "type": layer.kind,
                "weights": layer.num_weights,
                "weight_shape": list(layer.weight_shape),
                "computes_in": state,
                "error_taken_away": self.error.get(layer.name),
            }
            for layer in layers
        ]


def gate_facts(
    method: str, clips: GateClips, rules: GateRules, sentences: Sequence[str]
) -> dict[str, Any]:
    """Return the facts above the tables of a compression."""
    return {
        "method": method,
        "max_drop_points": rules.max_drop,
        "clips": len(clips.fold),
        "validation_clips": int(clips.is_val.sum()),
        "folds": clips.num_folds,
        "calibration_clips": len(clips.to_quantise_on(rules.calibration_clips, rules.seed)),
        "seed": rules.seed,
        "notes": list(sentences),
    }


def holds(compression: Compression, max_drop: float) -> bool:
    """Return True if the last trial is within the limit, in points."""
    # Trials end with the first one that holds.
    return compression.trials[-1][1].points <= max_drop


def summary(compression: Compression) -> dict[str, Any]:
    """Return the part that the folder's record keeps: all but the single layers."""
    plain = {key: value for key, value in compression.as_plain().items() if key != "layers"}
    counts = {
        "int8": len(compression.quantised),
        "given_back": len(compression.given_back),
        "float": len(compression.floating),
    }
    return plain | {"layers": counts}


def write_tables(folder: Path, compression: Compression, suffix: str = "") -> None:
    """Write compression.json and compression.md. `suffix` is put before the dot."""
    # The names of the forms beside the IR have a suffix, such as `_onnx`.
    tables, text = folder / JSON_FILE, folder / MARKDOWN_FILE
    write_json(tables.with_stem(tables.stem + suffix), compression.as_plain())
    write_text(text.with_stem(text.stem + suffix), to_markdown(compression))


def to_markdown(compression: Compression) -> str:
    """Return the facts, the tables of the gate, and one row a layer."""
    facts = compression.facts
    trials = [(str(count), drop) for count, drop in compression.trials]
    lines = ["# INT8", "", *_fact_lines(facts), ""]

    lines += ["## Accuracy gate, cross-validated", ""]
    lines += ["Every fold was quantised without its own clips.", ""]
    lines += _drop_table("layers given back", trials)
    if "fine_tuned" in facts:
        lines += ["", "## With fine-tuning and without", ""]
        lines += [f"Written: {facts['written']}, both cross-validated.", "", *_compared(facts)]

    lines += ["", "## The network that was written", ""]
    lines += ["Its own making saw these clips: the table above is the honest one.", ""]
    lines += _drop_table("clips of", compression.drops.items())
    lines += ["", "## Layers", "", *_layer_table(compression.as_plain()["layers"])]
    return "\n".join(lines) + "\n"


def _fact_lines(facts: Mapping[str, Any]) -> list[str]:
    # Lists and tables of facts have their own sections.
    plain = {key: value for key, value in facts.items() if not isinstance(value, dict | list)}
    return [f"- {key.replace('_', ' ')}: {value}" for key, value in plain.items()]


def _drop_table(heading: str, rows: Iterable[tuple[str, Drop]]) -> list[str]:
    head = [f"| {heading} | {_DROP_COLUMNS}", "|---|---|---|---|---|---|"]
    return head + [_drop_row(name, drop) for name, drop in rows]


def _compared(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"| network | layers given back | {_DROP_COLUMNS}", "|---|---|---|---|---|---|---|"]
    for key in ("without_fine_tuning", "fine_tuned"):
        # The last trial is the one that decided.
        row = dict(facts[key]["cross_validated"][-1])
        count = str(row.pop("layers_given_back"))
        lines.append(f"| {key.replace('_', ' ')} {_drop_row(count, Drop(**row))}")
    return lines


def _drop_row(name: str, drop: Drop) -> str:
    interval = f"{drop.points:+.2f} ({drop.low:+.2f} to {drop.high:+.2f})"
    shares = f"{drop.before:.2f} % | {drop.after:.2f} %"
    return f"| {name} | {drop.num_clips} | {shares} | {interval} | {drop.agreement:.1f} % |"


def _layer_table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| layer | type | weights (out, in, ...) | computes in | error it would take away |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        # Layers are ranked only where the gate gave some back.
        error = "" if row["error_taken_away"] is None else f"{row['error_taken_away']:.2e}"
        shape = " x ".join(map(str, row["weight_shape"]))
        about = f"{row['name']} | {row['type']} | {shape} | {row['computes_in']}"
        lines.append(f"| {about} | {error} |")
    return lines
