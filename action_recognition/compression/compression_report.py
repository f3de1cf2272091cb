"""The table of a compression: what computes in INT8, what was given back, and what each cost; as JSON and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from action_recognition.compression.accuracy_gate import Drop
from action_recognition.compression.quantised_layers import Layer

JSON_FILE: Final = "compression.json"
MARKDOWN_FILE: Final = "compression.md"


@dataclass(frozen=True)
class Compression:
    """What compress.py found. `error` is the mean square error of the scores that giving a layer back alone takes away.

    `trials`: how many layers were given back, and the drop of the folds then, each fold quantised without its own clips.
    `drops`: of the network that was written, by name of the clips; these took part in making it.
    """

    quantised: Sequence[Layer]
    given_back: Sequence[Layer]
    floating: Sequence[Layer]
    trials: Sequence[tuple[int, Drop]]
    drops: Mapping[str, Drop]
    error: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
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


def holds(compression: Compression, max_drop: float) -> bool:
    """Whether the last trial is within the limit, in points."""
    return compression.trials[-1][1].points <= max_drop


def summary(compression: Compression) -> dict[str, Any]:
    """What the folder's record keeps: all but the single layers."""
    plain = {key: value for key, value in compression.as_plain().items() if key != "layers"}
    counts = {
        "int8": len(compression.quantised),
        "given_back": len(compression.given_back),
        "float": len(compression.floating),
    }
    return plain | {"layers": counts}


def write_tables(folder: Path, compression: Compression, suffix: str = "") -> None:
    """compression.json and compression.md; `suffix` stands before the dot."""
    for name, text in (
        (JSON_FILE, json.dumps(compression.as_plain(), indent=1) + "\n"),
        (MARKDOWN_FILE, to_markdown(compression)),
    ):
        path = folder / name
        path.with_stem(path.stem + suffix).write_text(text, encoding="utf-8")


def to_markdown(compression: Compression) -> str:
    """Summary, gate, and one row a layer."""
    facts = compression.facts
    lines = [
        "# INT8",
        "",
        *(
            f"- {key.replace('_', ' ')}: {value}"
            for key, value in facts.items()
            if not isinstance(value, dict | list)
        ),
        "",
    ]
    lines += [
        "## Accuracy gate, cross-validated",
        "",
        "Every fold was quantised without its own clips.",
        "",
    ]
    lines += [
        "| layers given back | clips | FP32 | INT8 | drop, points (95 %) | same answer |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_drop_row(str(count), drop) for count, drop in compression.trials]
    if "fine_tuned" in facts:
        lines += [
            "",
            "## With fine-tuning and without",
            "",
            f"Written: {facts['written']}, both cross-validated.",
            "",
            *_compared(facts),
        ]
    lines += [
        "",
        "## The network that was written",
        "",
        "Its own making saw these clips: the table above is the honest one.",
        "",
    ]
    lines += [
        "| clips of | clips | FP32 | INT8 | drop, points (95 %) | same answer |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_drop_row(name, drop) for name, drop in compression.drops.items()]
    lines += [
        "",
        "## Layers",
        "",
        "| layer | type | weights (out, in, ...) | computes in | error it would take away |",
        "|---|---|---|---|---|",
    ]
    for row in compression.as_plain()["layers"]:
        error = row["error_taken_away"]
        shape = " x ".join(map(str, row["weight_shape"]))
        lines.append(
            f"| {row['name']} | {row['type']} | {shape} | {row['computes_in']} | {'' if error is None else f'{error:.2e}'} |"
        )
    return "\n".join(lines) + "\n"


def _compared(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        "| network | layers given back | clips | FP32 | INT8 | drop, points (95 %) | same answer |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in ("without_fine_tuning", "fine_tuned"):
        row = dict(facts[key]["cross_validated"][-1])
        lines.append(
            f"| {key.replace('_', ' ')} {_drop_row(str(row.pop('layers_given_back')), Drop(**row))}"
        )
    return lines


def _drop_row(name: str, drop: Drop) -> str:
    interval = f"{drop.points:+.2f} ({drop.low:+.2f} to {drop.high:+.2f})"
    return f"| {name} | {drop.num_clips} | {drop.before:.2f} % | {drop.after:.2f} % | {interval} | {drop.agreement:.1f} % |"
